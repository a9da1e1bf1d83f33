"""An autoencoder of recurrent cells alone (Dittrich 2020)."""
