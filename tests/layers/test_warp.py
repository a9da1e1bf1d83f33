"""The warp: TensorFlow Addons' numbers and gradients, and places outside by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tfvp.layers.flow import dense_image_warp


def test_forward_and_both_gradients_are_those_of_tensorflow_addons(goldens):
    with np.load(goldens / "tfa_dense_image_warp.npz", allow_pickle=False) as file:
        numbers = {key: file[key] for key in file.files}
    image, flow = (tf.Variable(numbers[f"in/{name}"]) for name in ("image", "flow"))
    with tf.GradientTape() as tape:
        warped = dense_image_warp(image.value(), flow.value())
        loss = tf.reduce_sum(tf.square(warped))
    found = [warped, *tape.gradient(loss, [image, flow])]
    for name, ours in zip(("out/warped", "grad/image", "grad/flow"), found, strict=True):
        golden = numbers[name]
        error = np.linalg.norm(tf.convert_to_tensor(ours) - golden) / np.linalg.norm(golden)
        assert error < (1e-5 if name == "out/warped" else 1e-4), name


def sampled(image, flow, outside):
    """The definition, one place at a time, in float64."""
    height, width, _ = image.shape
    out = np.zeros_like(image, dtype="float64")
    for y in range(height):
        for x in range(width):
            row, column = y - flow[y, x, 0], x - flow[y, x, 1]
            if outside == "edge":
                row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
            for i in range(height):
                for j in range(width):
                    share = max(0, 1 - abs(row - i)) * max(0, 1 - abs(column - j))
                    out[y, x] += share * image[i, j]
    return out


@pytest.mark.parametrize("outside", ["edge", "zero"])
def test_every_place_is_the_mean_of_its_neighbours(outside):
    rng = np.random.default_rng(0)
    image = rng.random((2, 5, 4, 3)).astype("float32")
    flow = rng.uniform(-3, 3, (2, 5, 4, 2)).astype("float32")
    flow[0, 0, 0] = (1.0, 0.0)  # wholly outside
    flow[0, 1, 1] = (0.0, -1.0)  # exactly on a place
    ours = np.asarray(dense_image_warp(image, flow, outside=outside))
    expected = [sampled(image[b], flow[b], outside) for b in range(2)]
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    np.testing.assert_allclose(ours[0, 1, 1], image[0, 1, 2], atol=1e-6)
    assert np.allclose(ours[0, 0, 0], 0.0) == (outside == "zero")


def test_another_border_is_refused():
    with pytest.raises(ValueError, match="expected edge or zero, got wrap"):
        dense_image_warp(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 2, 2)), outside="wrap")
