"""KTH Action (Schüldt et al. 2004)."""
