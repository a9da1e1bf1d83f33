"""Clips: where they come from, how they lie on disk, and in which order training sees them.

| file | subject |
|---|---|
| order | the only random numbers of data and sampling masks: functions of seed and counters |
| mnist_files, digits | MNIST's files and their stand-ins; which digit belongs to which split |
| glyphs | EMNIST, KMNIST and Omniglot in the digits' place |
| motion, moving_mnist | laws of motion and drawing; moving digits, any clip by its number |
| released_files | Moving MNIST as others released it |
| own_files, own_frames, clips | a user's own videos, frame folders and arrays |
| kth_files, kth | KTH's videos and official boundaries; windows of them |
| kitti | sequences of KITTI's drives |
| raw_folder, windows, video_frames, image_frames | what datasets of files share |
| records, example, manifest, shards, verify | one TFRecord schema: read, describe, write, verify |
| threads | work on all cores |
| partial | where data are written until they are whole, and from where writing goes on |
| prepare | a configuration in, prepared data out |
| pipeline | batches for training and evaluation, for TensorFlow and plain NumPy |

Only writing and verifying shards and the two tf.data functions of `pipeline` import TensorFlow.
"""
