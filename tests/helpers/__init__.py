"""What tests share: small experiments, data and runs, and programs that they start."""
