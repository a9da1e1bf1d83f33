"""What every cell and every network is held to."""
