"""The convolution with a wide kernel: numbers and gradients by their definition, tap by tap."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvp.layers.wide_conv import WideConv

KERNELS = pytest.mark.parametrize("sides", [(3, 3), (5, 3), (15, 15)])


def by_definition(x, kernel, upstream):
    """Output, and the gradients of its product with `upstream`, in float64."""
    rows, columns, channels, filters = kernel.shape
    _, height, width, _ = x.shape
    reach = rows // 2, columns // 2
    pad = [(0, 0), *((side, side) for side in reach), (0, 0)]
    padded = np.pad(x.astype(float), pad)
    y, of_x, of_kernel = (
        np.zeros(s) for s in ((*x.shape[:3], filters), padded.shape, kernel.shape)
    )
    for a in range(rows):
        for b in range(columns):
            place = np.s_[:, a : a + height, b : b + width]
            y += padded[place] @ kernel[a, b]
            of_x[place] += upstream @ kernel[a, b].T
            of_kernel[a, b] = np.einsum("nhwc,nhwf->cf", padded[place], upstream)
    inner = np.s_[:, reach[0] : reach[0] + height, reach[1] : reach[1] + width]
    assert channels == x.shape[-1]
    return y, of_x[inner], of_kernel


@KERNELS
@pytest.mark.parametrize("clips", [1, 3])
def test_numbers_and_gradients_are_the_definitions(sides, clips):
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(clips, 12, 9, 4)), rng.normal(size=(clips, 12, 9, 2))
    layer = WideConv(2, sides, padding="same")
    layer.build(x.shape)
    kernel = layer.kernel.numpy()
    read = tf.Variable(x.astype("float32"))

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 2))])  # sizes as in a loop
    def gradients(upstream):
        with tf.GradientTape() as tape:
            y = layer(read)
            product = tf.reduce_sum(y * upstream)
        return [y, *tape.gradient(product, [read, layer.kernel.value, layer.bias.value])]

    found = gradients(upstream.astype("float32"))
    wanted = [*by_definition(x, kernel.astype(float), upstream), upstream.sum(axis=(0, 1, 2))]
    for name, ours, theirs in zip(("y", "dx", "dK", "db"), found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5 * np.abs(theirs).max(), err_msg=name)


def test_it_is_keras_layer_with_the_same_weights():
    ours, theirs = (
        WideConv(2, 5, padding="same", name="c"),
        keras.layers.Conv2D(2, 5, padding="same"),
    )
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    theirs(x)
    ours.build(x.shape)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    ours.set_weights(theirs.get_weights())
    np.testing.assert_array_equal(ours(x), theirs(x))


@pytest.mark.parametrize(
    "settings",
    [{"kernel_size": 4, "padding": "same"}, {"kernel_size": 3}, {"kernel_size": 3, "strides": 2}],
)
def test_what_it_cannot_do_is_refused(settings):
    with pytest.raises(ValueError, match="expected an odd kernel"):
        WideConv(2, **settings)
