"""What training logs, as CSV and for TensorBoard."""
