"""Which pixels a masked convolution sees, place by place and all at once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.oracles.vpn import masked_convolve
from tfvp.layers.masked_conv import MaskedConv2D

HEIGHT, WIDTH = 5, 7


def layer_of(side: int, sees_centre: bool, channels: int = 2) -> MaskedConv2D:
    layer = MaskedConv2D(3, side, sees_centre=sees_centre)
    layer.build((None, HEIGHT, WIDTH, channels))
    rng = np.random.default_rng(side)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer


BOTH = pytest.mark.parametrize(("side", "sees_centre"), [(3, True), (7, False), (3, False)])


@BOTH
def test_equals_the_sum_over_the_places_before(side, sees_centre):
    layer = layer_of(side, sees_centre)
    x = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 2))
    weights = [keras.ops.convert_to_numpy(w).astype(float) for w in layer.weights]
    wanted = masked_convolve(x, *weights, sees_centre=sees_centre)
    found = keras.ops.convert_to_numpy(layer(x[None].astype("float32")))[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


@BOTH
def test_place_by_place_it_gives_the_same(side, sees_centre):
    layer = layer_of(side, sees_centre)
    x = np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH, 2)).astype("float32")
    whole = keras.ops.convert_to_numpy(layer(x))
    window = layer.first_window(2, WIDTH)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            if sees_centre:
                window = layer.write(window, x[:, row, column][:, None, None], column)
            found = keras.ops.convert_to_numpy(layer.look(window, column))[:, 0, 0]
            np.testing.assert_allclose(found, whole[:, row, column], atol=2e-5)
            if not sees_centre:
                window = layer.write(window, x[:, row, column][:, None, None], column)
        window = layer.next_row(window)


def test_an_update_of_what_the_mask_hides_changes_nothing():
    layer = layer_of(3, True)
    x = tf.random.normal((1, HEIGHT, WIDTH, 2), seed=0)
    with tf.GradientTape() as tape:
        before = layer(x)
        loss = tf.reduce_sum(before**2)
    (gradient,) = tape.gradient(loss, [layer.kernel.value])
    assert np.all(gradient.numpy()[1, 2] == 0)
    assert np.all(gradient.numpy()[2] == 0)
    assert np.all(gradient.numpy()[0] != 0)
    kernel = layer.kernel.numpy()
    kernel[1, 2], kernel[2] = 7, 7
    layer.kernel.assign(kernel)
    np.testing.assert_array_equal(layer(x), before)
