"""Drawing clips as pictures and animations."""
