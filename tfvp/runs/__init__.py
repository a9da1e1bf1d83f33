"""Run folders: what lies where in them, and where their numbers came from."""
