"""Filters that a network computes for every clip, or for every place, applied to its frames."""

from keras import ops


def neighbourhoods(frame, side: int):
    """The neighbours of every place, zero outside the frame.

    Args:
        frame: (B, H, W, C).
        side: odd; rows and columns of a neighbourhood.

    Returns:
        (B, H, W, C, side²), rows of the neighbourhood first: tap k is the value at the place plus
        (k // side - side // 2, k % side - side // 2).
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
    """Correlate a frame with kernels of its clip; colours share them.

    Args:
        frame: (B, H, W, C).
        kernels: (B, side², M), the taps as `neighbourhoods` orders them.

    Returns:
        (B, H, W, C, M), the frame under each of the M kernels.
    """
    seen = neighbourhoods(frame, _side(kernels.shape[1]))
    batch, taps = ops.shape(frame)[0], kernels.shape[1]
    filtered = ops.matmul(ops.reshape(seen, (batch, -1, taps)), kernels)
    return ops.reshape(filtered, (batch, *frame.shape[1:], kernels.shape[2]))


def filter_places(frame, filters):
    """Filter every place of a frame (B, H, W, C) with its own taps (B, H, W, side²).

    Returns:
        (B, H, W, C).
    """
    seen = neighbourhoods(frame, _side(filters.shape[-1]))
    return ops.sum(seen * filters[:, :, :, None], axis=-1)


def _side(taps: int) -> int:
    return round(taps**0.5)


def rectified_share(x, axis: int, shift: float = 1e-12):
    """relu(x - shift) + shift, divided by its sum along an axis: taps that are shares of a whole.

    Finn et al. 2016. Where no x is positive every tap has the same share, and no gradient.
    Computed in float32 at least, since the shift is below what smaller types can add.
    """
    taps = ops.relu(ops.cast(x, "float32") - shift) + shift
    return ops.cast(taps / ops.sum(taps, axis=axis, keepdims=True), x.dtype)
