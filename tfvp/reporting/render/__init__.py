"""Writers of tables in the formats of `tfvp report`."""
