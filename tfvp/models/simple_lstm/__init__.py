"""SimpleLSTM (Colonna and Manganaro 2023)."""
