"""A user's own videos, folders of frames and arrays."""
