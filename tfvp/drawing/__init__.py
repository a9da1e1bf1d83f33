"""Pictures of clips."""
