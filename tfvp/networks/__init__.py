"""Networks: how cells are wired within a step, the one loop over time, and the model users hold."""
