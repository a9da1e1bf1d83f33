"""Tables of the literature with our rows in them, and tables of runs beside each other."""
