"""What an experiment costs, measured."""
