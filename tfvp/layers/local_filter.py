"""Frames filtered by weights of their own at every place."""

from keras import ops


def local_filter(frame, filters):
    """Filter a frame with own weights at every place.

        out[b, y, x, c] = Σ_k filters[b, y, x, k] · frame[b, y + dy_k, x + dx_k, c]

    k runs over a square of neighbours row by row, dy and dx from -side // 2 to side // 2, see
    `offsets`. Outside the frame there are zeros. All channels have the same weights. Computed in
    float32: 81 shares of one do not sum to one in a bfloat16.

    Args:
        frame: (B, H, W, C).
        filters: (B, H, W, side · side), side odd.

    Returns:
        (B, H, W, C), float32. In the frame's range where the filters are positive and sum to at
        most one.

    >>> mean = local_filter(ops.ones((1, 3, 3, 1)), ops.full((1, 3, 3, 9), 1 / 9))
    >>> round(float(mean[0, 1, 1, 0]), 3), round(float(mean[0, 0, 0, 0]), 3)  # 4 / 9 in a corner
    (1.0, 0.444)
    """
    side = round(filters.shape[-1] ** 0.5)
    reach = side // 2
    height, width = frame.shape[1:3]
    padded = ops.pad(ops.cast(frame, "float32"), [[0, 0], [reach, reach], [reach, reach], [0, 0]])
    near = [padded[:, y : y + height, x : x + width] for y in range(side) for x in range(side)]
    weights = ops.cast(filters, "float32")[..., None, :]
    return ops.sum(ops.stack(near, axis=-1) * weights, axis=-1)


def offsets(side: int) -> list[tuple[int, int]]:
    """Return the row and column offset of each neighbour that a filter weighs, in its order.

    >>> offsets(3)[:4]
    [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    """
    reach = range(-(side // 2), side // 2 + 1)
    return [(row, column) for row in reach for column in reach]


def mean_offset(filters):
    """Return the mean offset at which filters read: the flow that they stand for.

    Args:
        filters: (B, H, W, side · side), of each place positive with the sum one.

    Returns:
        (B, H, W, 2), rows and columns in pixels: what is at a place comes from the place plus this.

    >>> filters = ops.reshape(ops.one_hot(ops.array([5]), 9), (1, 1, 1, 9))  # reads at (0, 1)
    >>> [float(value) for value in ops.ravel(mean_offset(filters))]
    [0.0, 1.0]
    """
    side = round(filters.shape[-1] ** 0.5)
    return ops.matmul(filters, ops.cast(ops.convert_to_tensor(offsets(side)), filters.dtype))
