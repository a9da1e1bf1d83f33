"""What is measured on the test split and how it is written down."""
