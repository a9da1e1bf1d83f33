"""What the literature counts as a network's parameters."""

import math

import keras

RUNNING_STATISTICS = ("moving_mean", "moving_variance")  # frozen weights are not trainable either


def parameter_count(network: keras.Model | keras.layers.Layer) -> int:
    """Values that training learns, a frozen layer's too, batch normalisation's statistics not.

    As PyTorch's `Module.parameters()`, which the published counts are of; Keras' `count_params`
    has the running statistics in it.
    """
    learned = (w for w in network.weights if w.name not in RUNNING_STATISTICS)
    return sum(math.prod(weight.shape) for weight in learned)
