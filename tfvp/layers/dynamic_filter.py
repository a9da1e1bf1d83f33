"""Filters that a network computes for every clip, or for every place, applied to its frames."""

from keras import ops


def neighbourhoods(frame, side: int):
    """Collect the neighbours of every place; outside the frame they are zero.

    Args:
        frame: (B, H, W, C).
        side: odd; rows and columns of a neighbourhood.

    Returns:
        (B, H, W, C, side²), rows of the neighbourhood first: tap k is the value at the place plus
        (k // side - side // 2, k % side - side // 2).

    >>> frame = ops.reshape(ops.arange(1.0, 5.0), (1, 2, 2, 1))  # the rows (1, 2) and (3, 4)
    >>> [int(value) for value in neighbourhoods(frame, 3)[0, 0, 0, 0]]
    [0, 0, 0, 0, 1, 2, 0, 3, 4]
    """
    margin = side // 2
    height, width = frame.shape[1:3]
    padded = ops.pad(frame, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
    shifted = [
        padded[:, row : row + height, column : column + width]
        for row in range(side)
        for column in range(side)
    ]
    return ops.stack(shifted, axis=-1)


def filter_frame(frame, kernels):
    """Correlate each frame with its own kernels, the same for all channels.

    Args:
        frame: (B, H, W, C).
        kernels: (B, side², M), the taps as `neighbourhoods` orders them.

    Returns:
        (B, H, W, C, M), the frame under each of the M kernels.

    >>> frame = ops.reshape(ops.arange(1.0, 5.0), (1, 2, 2, 1))  # the rows (1, 2) and (3, 4)
    >>> right = ops.one_hot(ops.array([5]), 9)[..., None]  # reads the neighbour to the right
    >>> [int(value) for value in ops.ravel(filter_frame(frame, right))]
    [2, 0, 4, 0]
    """
    seen = neighbourhoods(frame, _side(kernels.shape[1]))
    batch, taps = ops.shape(frame)[0], kernels.shape[1]
    filtered = ops.matmul(ops.reshape(seen, (batch, -1, taps)), kernels)
    return ops.reshape(filtered, (batch, *frame.shape[1:], kernels.shape[2]))


def filter_places(frame, filters):
    """Filter every place of a frame (B, H, W, C) with its own taps (B, H, W, side²).

    Returns:
        (B, H, W, C).

    >>> frame = ops.reshape(ops.arange(1.0, 5.0), (1, 2, 2, 1))
    >>> [int(value) for value in ops.ravel(filter_places(frame, ops.ones((1, 2, 2, 9))))]
    [10, 10, 10, 10]
    """
    seen = neighbourhoods(frame, _side(filters.shape[-1]))
    return ops.sum(seen * filters[:, :, :, None], axis=-1)


def _side(taps: int) -> int:
    return round(taps**0.5)


def rectified_share(x, axis: int, shift: float = 1e-12):
    """Turn x into shares of one along an axis: relu(x - shift) + shift, divided by its sum.

    Finn et al. 2016. Where no x is positive all shares are equal and have no gradient.
    Computed in float32 at least, since the shift is below what smaller types can add.

    >>> [round(float(value), 3) for value in rectified_share(ops.array([-1.0, 1.0, 3.0]), 0)]
    [0.0, 0.25, 0.75]
    """
    taps = ops.relu(ops.cast(x, "float32") - shift) + shift
    return ops.cast(taps / ops.sum(taps, axis=axis, keepdims=True), x.dtype)
