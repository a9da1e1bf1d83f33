"""Networks, each in a folder of its own, and what they share; this file needs no Keras."""
