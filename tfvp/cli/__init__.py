"""The `tfvp` command: a file for each of its commands."""
