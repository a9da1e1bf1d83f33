"""Datasets: where clips come from, how they lie on disk, and in which order training sees them.

| file or folder | subject |
|---|---|
| base, registry | what every dataset offers, and where each is found by its name |
| a folder for each dataset | its configuration section, its raw files' readers, its clips |
| raw_folder, windows | what datasets of raw files share |
| prepare | a configuration in, prepared data out |
| shards, partial | writing on all cores, in a folder of its own until all is whole |
| records, example | the one TFRecord schema, and reading it without TensorFlow |
| manifest, verify, inspect | what prepared data say about themselves, checked and drawn |
| order | all random numbers of data and sampling masks, from a seed and counters |
| pipeline | batches for training and evaluation, for TensorFlow and plain NumPy |

Only writing and verifying shards and the two tf.data functions of `pipeline` import TensorFlow.
"""
