"""How alike all places of two maps are, read around where each place is thought to have gone."""

import numpy as np
from keras import ops

LEVELS, RADIUS = 4, 3
READ = LEVELS * (2 * RADIUS + 1) ** 2  # values that are read for a place


def correlation_pyramid(first, second) -> list:
    """Multiply every place of one map with every place of another, at four resolutions.

        c_0[p, q] = first[p] · second[q] / sqrt(C)      c_l: means of 2x2 places q of c_l-1

    Args:
        first: (B, h, w, C).
        second: (B, h, w, C), h and w at least 8.

    Returns:
        Four arrays (B, h w, h / 2^l, w / 2^l), rounded down.

    >>> pyramid = correlation_pyramid(ops.ones((1, 8, 8, 4)), ops.ones((1, 8, 8, 4)))
    >>> [tuple(level.shape) for level in pyramid], float(pyramid[0][0, 0, 0, 0])  # 4 / √4
    ([(1, 64, 8, 8), (1, 64, 4, 4), (1, 64, 2, 2), (1, 64, 1, 1)], 2.0)
    """
    _, rows, columns, channels = first.shape
    first = ops.reshape(first, (-1, rows * columns, channels))
    second = ops.transpose(ops.reshape(second, (-1, rows * columns, channels)), (0, 2, 1))
    # Divided before it is reshaped: LiteRT's converter makes a wrong product of the two in a row.
    level = ops.matmul(first, second) / channels**0.5
    levels = [ops.reshape(level, (-1, rows, columns, 1))]
    for _ in range(1, LEVELS):
        levels.append(ops.average_pool(levels[-1], 2, strides=2, padding="valid"))
    return [ops.reshape(x, (-1, rows * columns, *x.shape[1:3])) for x in levels]


def look_up(pyramid: list, places):
    """Read a pyramid around places, at each level in a square of 7x7, bilinearly.

    At level l it is centred on place / 2^l; what lies outside counts as zero. Of a level's 49
    values number 7 i + j is read at (x + i - 3, y + j - 3): the first counter goes along x, as in
    RAFT's program. A place between pixels reads each of them with the share max(0, 1 - distance),
    so nothing is divided by the side of a level, which may be 1.

    Args:
        pyramid: see `correlation_pyramid`.
        places: (B, h, w, 2), x (column) and y (row) in the second map of every place of the first.

    Returns:
        (B, h, w, 196), level after level.

    >>> pyramid = correlation_pyramid(ops.ones((1, 8, 8, 4)), ops.ones((1, 8, 8, 4)))
    >>> read = look_up(pyramid, ops.full((1, 8, 8, 2), 4.0))
    >>> tuple(read.shape), float(read[0, 0, 0, 24])  # the centre of the first level's 7x7 values
    ((1, 8, 8, 196), 2.0)
    """
    _, rows, columns, _ = places.shape
    flat = ops.reshape(places, (-1, rows * columns, 2))
    read = []
    for number, level in enumerate(pyramid):
        along_x = _shares(flat[..., 0] / 2**number, level.shape[3])  # (B, h w, 7, columns)
        along_y = _shares(flat[..., 1] / 2**number, level.shape[2])  # (B, h w, 7, rows)
        of_columns = ops.matmul(along_x, ops.transpose(level, (0, 1, 3, 2)))
        found = ops.matmul(of_columns, ops.transpose(along_y, (0, 1, 3, 2)))
        read.append(ops.reshape(found, (-1, rows, columns, found.shape[2] * found.shape[3])))
    return ops.concatenate(read, axis=-1)


def _shares(position, size: int):
    """Return the share of every index at the seven positions around (…): (…, 7, size)."""
    offsets = np.arange(-RADIUS, RADIUS + 1, dtype="float32")[:, None]
    distance = position[..., None, None] + (offsets - np.arange(size, dtype="float32"))
    return ops.relu(1 - ops.abs(distance))
