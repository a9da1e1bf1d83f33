"""The experiment: its sections, and the way from YAML files to one of it."""
