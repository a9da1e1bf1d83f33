"""Training: losses, optimizers, schedules, the weight average and the loop that uses them."""
