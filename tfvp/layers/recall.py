"""Recall of the Eidetic cell: attention over everything the cell has remembered so far."""

from keras import ops


def recall(query, history, mask=None):
    """Read a history by content: softmax(query · historyᵀ) · history over time, rows and columns.

    Single head, no projections, no 1/sqrt(C) scaling, as the released program. E3D-LSTM (Wang et
    al. 2019), equation of RECALL.

    Args:
        query: (B, D, H, W, C), in (0, 1) (a gate).
        history: (B, L, H, W, C), keys and values; L may be unknown.
        mask: (B, L), true where a slice holds something; None: everywhere.

    Returns:
        (B, D, H, W, C).
    """
    _, depth, _, _, channels = query.shape
    rows, columns = ops.shape(query)[2], ops.shape(query)[3]
    queries = ops.reshape(query, (-1, depth * rows * columns, channels))  # (B, DHW, C)
    slices = ops.shape(history)[1]
    keys = ops.reshape(history, (-1, slices * rows * columns, channels))  # (B, LHW, C)
    scores = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))  # (B, DHW, LHW)
    if mask is not None:
        every_place = ops.repeat(mask, rows * columns, axis=1)[:, None, :]
        scores = ops.where(every_place, scores, ops.cast(float("-inf"), scores.dtype))
    values = ops.matmul(ops.softmax(scores, axis=-1), keys)  # (B, DHW, C)
    return ops.reshape(values, (-1, depth, rows, columns, channels))
