"""The literature's tables with our rows in them."""
