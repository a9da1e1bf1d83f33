"""Training losses; each says exactly what is summed."""

from keras import ops


def absolute_and_square(truth, prediction):
    """Sum of absolutes and half the sum of squares of prediction - truth, over everything.

    No mean and no division by the batch: the released E3D-LSTM loss is `l1 + l2` of these, over all
    predicted frames, those inside the context included. Folding patches only moves values, so
    pixels and patches give the same sums. Computed in float32.

    Args:
        truth: (B, T, H, W, C), float in [0, 1].
        prediction: same shape, unclipped.

    Returns:
        (l1, l2), two scalars; a constant error of 0.5 over 8 values is (4.0, 1.0).
    """
    error = ops.cast(prediction, "float32") - ops.cast(truth, "float32")
    return ops.sum(ops.abs(error)), 0.5 * ops.sum(ops.square(error))
