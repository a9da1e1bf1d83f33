"""Frames resampled along affine transformations (Jaderberg et al. 2015)."""

from keras import ops


def affine_sample(frame, theta):
    """Read every place of a frame at an affine transformation of its coordinates, bilinearly.

    With (x, y) from -1 to 1 along columns and rows, a place reads (x', y') = theta (x, y, 1), and
    x' is the column (x' + 1) W / 2. So it is in the program of TensorFlow's models, which scales by
    W and not by W - 1, so that column j of the identity is read at j W / (W - 1); and which forms a
    neighbour's weight after it moved the neighbour into the frame, so that what is read from
    outside is zero, the last row and column of the identity included. With corners aligned, as
    others do it, the identity would change nothing.

    Args:
        frame: (B, H, W, C).
        theta: (B, 6), the two rows (for x' and y') one after the other.

    Returns:
        (B, H, W, C).

    >>> frame = ops.reshape(ops.arange(16.0), (1, 4, 4, 1))
    >>> seen = affine_sample(frame, ops.array([[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]]))  # the identity
    >>> [round(float(value), 3) for value in seen[0, 0, :, 0]]  # column j is read at 4 j / 3
    [0.0, 1.333, 2.667, 0.0]
    """
    batch, (height, width, channels) = ops.shape(frame)[0], frame.shape[1:]
    theta = ops.cast(theta, "float32")[:, :, None, None]  # places need more digits than a bfloat16
    x, y = ops.linspace(-1.0, 1.0, width), ops.linspace(-1.0, 1.0, height)[:, None]
    columns = _neighbours(theta[:, 0] * x + theta[:, 1] * y + theta[:, 2], width)
    rows = _neighbours(theta[:, 3] * x + theta[:, 4] * y + theta[:, 5], height)
    places = ops.reshape(frame, (-1, channels))
    first = ops.arange(batch, dtype="int32")[:, None, None] * (height * width)
    total = 0.0
    for row, row_share in rows:
        for column, column_share in columns:
            seen = ops.take(places, first + row * width + column, axis=0)
            total = total + seen * ops.cast((row_share * column_share)[..., None], frame.dtype)
    return total


def _neighbours(coordinate, size: int) -> list[tuple]:
    """Return the two indices along one axis that a coordinate lies between, with their weights."""
    position = (coordinate + 1) * (size / 2)
    low = ops.floor(position)
    low, high = ops.clip(low, 0, size - 1), ops.clip(low + 1, 0, size - 1)
    indices = (ops.cast(low, "int32"), ops.cast(high, "int32"))
    return list(zip(indices, (high - position, position - low), strict=True))
