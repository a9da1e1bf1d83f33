"""Frames filtered by weights of their own at every place."""

from keras import ops


def local_filter(frame, filters):
    """Each value of the result is a weighted sum of the values around it, with its own weights.

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
    """
    side = round(filters.shape[-1] ** 0.5)
    reach = side // 2
    height, width = frame.shape[1:3]
    padded = ops.pad(ops.cast(frame, "float32"), [[0, 0], [reach, reach], [reach, reach], [0, 0]])
    near = [padded[:, y : y + height, x : x + width] for y in range(side) for x in range(side)]
    weights = ops.cast(filters, "float32")[..., None, :]
    return ops.sum(ops.stack(near, axis=-1) * weights, axis=-1)


def offsets(side: int) -> list[tuple[int, int]]:
    """Rows and columns from a place to each of the neighbours that a filter weighs, in its order.

    >>> offsets(3)[:4]
    [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    """
    reach = range(-(side // 2), side // 2 + 1)
    return [(row, column) for row in reach for column in reach]


def mean_offset(filters):
    """Where filters read on average: the flow that they stand for.

    Args:
        filters: (B, H, W, side · side), of each place positive with the sum one.

    Returns:
        (B, H, W, 2), rows and columns in pixels: what is at a place comes from the place plus this.
    """
    side = round(filters.shape[-1] ** 0.5)
    return ops.matmul(filters, ops.cast(ops.convert_to_tensor(offsets(side)), filters.dtype))
