"""What cells and networks share: normalisation, convolutions, recall, patches, decoders."""
