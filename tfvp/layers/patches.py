"""Space to depth: squares of a frame folded into channels, so that a network sees a small grid."""

from keras import ops


def fold_patches(frames, patch: int):
    """Fold patch x patch squares into channels: (B, T, H, W, C) -> (B, T, H/p, W/p, p*p*C).

    Channel (dy * p + dx) * C + c holds pixel (dy, dx) of the square; same as TensorFlow's
    space_to_depth. Source: released E3D-LSTM and PredRNN, `reshape_patch`. H, W must be multiples
    of p.

    >>> frames = ops.reshape(ops.arange(8), (1, 1, 2, 4, 1))  # the rows (0 1 2 3) and (4 5 6 7)
    >>> [int(value) for value in ops.ravel(fold_patches(frames, 2))]
    [0, 1, 4, 5, 2, 3, 6, 7]
    """
    _, length, height, width, channels = _sizes(frames)
    grid = (-1, length, height // patch, patch, width // patch, patch, channels)
    squares = ops.transpose(ops.reshape(frames, grid), (0, 1, 2, 4, 3, 5, 6))
    return ops.reshape(
        squares, (-1, length, height // patch, width // patch, patch * patch * channels)
    )


def unfold_patches(patches, patch: int):
    """Undo `fold_patches`: (B, T, H/p, W/p, p*p*C) -> (B, T, H, W, C).

    >>> tuple(unfold_patches(ops.zeros((1, 2, 4, 4, 12)), 2).shape)
    (1, 2, 8, 8, 3)
    """
    _, length, rows, columns, folded = _sizes(patches)
    channels = folded // (patch * patch)
    squares = ops.reshape(patches, (-1, length, rows, columns, patch, patch, channels))
    pixels = ops.transpose(squares, (0, 1, 2, 4, 3, 5, 6))
    return ops.reshape(pixels, (-1, length, rows * patch, columns * patch, channels))


def _sizes(x):
    """Return the size of every axis: an int where it is known, else the backend's scalar."""
    return [n if n is not None else ops.shape(x)[i] for i, n in enumerate(x.shape)]
