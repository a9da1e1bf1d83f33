"""Filters of every place against the definition, and the flow that they stand for."""

import numpy as np

from tfvp.layers.local_filter import local_filter, mean_offset, offsets


def by_hand(frame, filters):
    """The definition, one place at a time, in float64; zeros outside."""
    height, width, _ = frame.shape
    side = round(filters.shape[-1] ** 0.5)
    out = np.zeros_like(frame, dtype="float64")
    for y in range(height):
        for x in range(width):
            for k in range(side * side):
                row, column = y + k // side - side // 2, x + k % side - side // 2
                if 0 <= row < height and 0 <= column < width:
                    out[y, x] += float(filters[y, x, k]) * frame[row, column]
    return out


def test_every_place_is_filtered_by_its_own_weights():
    rng = np.random.default_rng(0)
    frame = rng.random((2, 5, 4, 3)).astype("float32")
    filters = rng.normal(size=(2, 5, 4, 9)).astype("float32")
    expected = [by_hand(*pair) for pair in zip(frame, filters, strict=True)]
    np.testing.assert_allclose(np.asarray(local_filter(frame, filters)), expected, atol=1e-5)


def test_the_flow_says_where_a_place_is_read():
    rng = np.random.default_rng(0)
    frame = rng.random((1, 7, 6, 1)).astype("float32")
    filters = np.zeros((1, 7, 6, 25), "float32")
    filters[..., offsets(5).index((1, -2))] = 1.0
    moved = np.asarray(local_filter(frame, filters))[0]
    assert np.asarray(mean_offset(filters))[0, 3, 3].tolist() == [1.0, -2.0]
    np.testing.assert_array_equal(moved[:-1, 2:], frame[0, 1:, :-2])
    assert not moved[-1].any()
    assert not moved[:, :2].any()
    filters[0, 2, 2] = 1 / 25  # of all places around it the mean is itself
    np.testing.assert_allclose(np.asarray(mean_offset(filters))[0, 2, 2], 0.0, atol=1e-6)
