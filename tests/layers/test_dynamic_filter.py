"""Filters computed by a network and affine transformations, by hand."""

import numpy as np
import pytest

from tfvp.layers.dynamic_filter import (
    filter_frame,
    filter_places,
    neighbourhoods,
    rectified_share,
)
from tfvp.layers.spatial_transformer import affine_sample

FRAME = np.random.default_rng(0).random((2, 5, 7, 3)).astype("float32")


def moved(frame: np.ndarray, down: int, right: int) -> np.ndarray:
    """What stands that far below and to the right of every place, zero outside."""
    padded = np.pad(frame, [(0, 0), (4, 4), (4, 4), (0, 0)])
    height, width = frame.shape[1:3]
    return padded[:, 4 + down : 4 + down + height, 4 + right : 4 + right + width]


@pytest.mark.parametrize("side", [1, 3, 9])
def test_every_tap_is_a_neighbour(side):
    found = np.array(neighbourhoods(FRAME, side))
    for tap in range(side**2):
        wanted = moved(FRAME, tap // side - side // 2, tap % side - side // 2)
        np.testing.assert_array_equal(found[..., tap], wanted)


def test_kernels_belong_to_their_clip():
    kernels = np.zeros((2, 9, 2), "float32")
    kernels[0, 1, 0] = kernels[0, 5, 1] = kernels[1, 4, 0] = 1.0  # up, right; nowhere, nothing
    found = np.array(filter_frame(FRAME, kernels))
    np.testing.assert_array_equal(found[:1, ..., 0], moved(FRAME[:1], -1, 0))
    np.testing.assert_array_equal(found[:1, ..., 1], moved(FRAME[:1], 0, 1))
    np.testing.assert_array_equal(found[1, ..., 0], FRAME[1])
    assert not found[1, ..., 1].any()


def test_places_have_taps_of_their_own():
    filters = np.zeros((2, 5, 7, 9), "float32")
    filters[..., 4] = 1.0
    filters[1, 2, 3] = np.eye(9)[6]  # below and to the left
    found = np.array(filter_places(FRAME, filters))
    wanted = FRAME.copy()
    wanted[1, 2, 3] = FRAME[1, 3, 2]
    np.testing.assert_array_equal(found, wanted)


def test_shares_are_of_one_and_alike_where_nothing_is_positive():
    found = np.array(rectified_share(np.array([[1.0, 3.0, -2.0], [-1.0, -5.0, 0.0]], "float32"), 1))
    np.testing.assert_allclose(found, [[0.25, 0.75, 0.0], [1 / 3] * 3], atol=1e-6)


# --- affine ---


def bilinear(frame: np.ndarray, row: float, column: float) -> np.ndarray:
    """(H, W, C) at a place, with the program's weights of neighbours that were moved inside."""
    total, (height, width, _) = 0.0, frame.shape
    low_row, low_column = np.floor(row), np.floor(column)
    rows = np.clip([low_row, low_row + 1], 0, height - 1)
    columns = np.clip([low_column, low_column + 1], 0, width - 1)
    for r, row_share in zip(rows, (rows[1] - row, row - rows[0]), strict=True):
        for c, share in zip(columns, (columns[1] - column, column - columns[0]), strict=True):
            total = total + row_share * share * frame[int(r), int(c)]
    return total


@pytest.mark.parametrize(
    "theta", [[1, 0, 0, 0, 1, 0], [0.83, 0.21, -0.13, -0.31, 1.07, 0.23], [1, 0, 0.5, 0, 1, -1.5]]
)
def test_affine_sampling_by_hand(theta):
    found = np.array(affine_sample(FRAME, np.array([theta] * 2, "float32")))
    height, width = FRAME.shape[1:3]
    for i, y in enumerate(np.linspace(-1, 1, height)):
        for j, x in enumerate(np.linspace(-1, 1, width)):
            column = (theta[0] * x + theta[1] * y + theta[2] + 1) * width / 2
            row = (theta[3] * x + theta[4] * y + theta[5] + 1) * height / 2
            np.testing.assert_allclose(found[0, i, j], bilinear(FRAME[0], row, column), atol=1e-5)


def test_the_identity_stretches_and_loses_the_last_row_and_column():
    found = np.array(affine_sample(FRAME, np.array([[1, 0, 0, 0, 1, 0]] * 2, "float32")))
    np.testing.assert_allclose(found[:, 0, 0], FRAME[:, 0, 0], atol=1e-6)
    assert np.abs(found[:, -1]).max() < 1e-5
    assert np.abs(found[:, :, -1]).max() < 1e-5
    assert np.abs(found[:, 1:-1, 1:-1] - FRAME[:, 1:-1, 1:-1]).max() > 0.1
