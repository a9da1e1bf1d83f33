"""An experiment from raw data to an export, stage by stage."""
