"""Recall of the Eidetic cell: attention over everything the cell has remembered so far."""

from keras import ops


def recall(query, history, mask=None, *, keep_weights: bool = True):
    """Read a history by content: softmax(query · historyᵀ) · history over time, rows and columns.

    Single head, no projections, no 1/sqrt(C) scaling, as the released program. E3D-LSTM (Wang et
    al. 2019), equation of RECALL.

    Args:
        query: (B, D, H, W, C), in (0, 1) (a gate).
        history: (B, L, H, W, C), keys and values; L may be unknown.
        mask: (B, L), true where a slice holds something; None: everywhere. Without a gradient.
        keep_weights: keep the softmax for the gradient; else it is computed once more there.

    Returns:
        (B, D, H, W, C).

    >>> history = ops.reshape(ops.array([1.0, 3.0]), (1, 2, 1, 1, 1))
    >>> float(ops.sum(recall(ops.zeros((1, 1, 1, 1, 1)), history)))  # equal weights: the mean
    2.0
    """
    _, depth, _, _, channels = query.shape
    rows, columns = ops.shape(query)[2], ops.shape(query)[3]
    queries = ops.reshape(query, (-1, depth * rows * columns, channels))  # (B, DHW, C)
    slices = ops.shape(history)[1]
    memories = ops.reshape(history, (-1, slices * rows * columns, channels))  # (B, LHW, C)
    hidden = []
    if mask is not None:
        every_place = ops.repeat(mask, rows * columns, axis=1)[:, None, :]
        nothing = ops.cast(float("-inf"), memories.dtype)
        hidden = [ops.where(every_place, ops.zeros_like(nothing), nothing)]  # (B, 1, LHW)
    attend = _attend_keeping if keep_weights else _attend_twice
    values = attend(queries, memories, *hidden)  # (B, DHW, C)
    return ops.reshape(values, (-1, depth, rows, columns, channels))


def _attend(queries, memories, hidden, keep_weights: bool):
    """Return softmax(Q · Mᵀ + hidden) · M and the function that gives its gradient in closed form.

    The weights P (B, N, LHW) are by far the largest thing in a step of the network. Kept for the
    gradient, those of a whole clip take a third of its memory; made again, they cost a product and
    a softmax. With the values V = P M and their gradient G:
        S = P ∘ (G Mᵀ - rowsum(G ∘ V))    dQ = S M    dM = Pᵀ G + Sᵀ Q
    which passes over the large matrices twice less than the gradient of softmax does.
    """

    def compute_weights():
        return ops.softmax(sum(hidden, ops.matmul(queries, _turned(memories))), axis=-1)

    weights = compute_weights()
    values = ops.matmul(weights, memories)

    def gradient(*arguments, upstream=None):
        g = arguments[0] if upstream is None else upstream
        p = weights if keep_weights else compute_weights()
        s = p * (ops.matmul(g, _turned(memories)) - ops.sum(g * values, axis=-1, keepdims=True))
        # dM as (Gᵀ P + Qᵀ S)ᵀ: a product with the large matrix on the right reads it row by row
        of_memories = _turned(ops.matmul(_turned(g), p) + ops.matmul(_turned(queries), s))
        return ops.matmul(s, memories), of_memories, *(ops.zeros_like(h) for h in hidden)

    return values, gradient


@ops.custom_gradient
def _attend_keeping(queries, memories, *hidden):
    return _attend(queries, memories, hidden, keep_weights=True)


@ops.custom_gradient
def _attend_twice(queries, memories, *hidden):
    return _attend(queries, memories, hidden, keep_weights=False)


def _turned(x):
    """Transpose the matrix of each sample: (B, M, N) -> (B, N, M)."""
    return ops.transpose(x, (0, 2, 1))
