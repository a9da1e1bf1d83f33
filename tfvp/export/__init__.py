"""Networks as files for other programs, each compared before it counts."""
