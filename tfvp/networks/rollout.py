"""The only loop over time in tfvp; teacher forcing and scheduled sampling enter here, nowhere else."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

Step = Callable[[Any, Any], tuple[Any, Any]]  # (frame, state) -> (next frame, state)


def rollout(step: Step, state, frames, *, predict_frames: int, use_truth=None):
    """Predict the frame after every frame, reading the truth first and then the own predictions.

    The first `context` frames are read as they are. From then on step t reads
    `use_truth * truth + (1 - use_truth) * prediction`, or the prediction alone where no truth is
    given. Predictions are fed back as they are, unclipped, and gradients flow through them.

    Args:
        step: one step of a network, (frame (B, H, W, C), state) -> (next frame, state).
        state: the network's state before the first frame. An axis of size 0 in it is one that
            grows with every step.
        frames: (B, T, H, W, C). Without `use_truth` the T frames are the context; with it they are
            the context and the true future but its last frame, T = context + predict_frames - 1.
        predict_frames: frames to predict after the context.
        use_truth: (B, predict_frames - 1), 1 where the true frame is fed at that future step.

    Returns:
        Predictions of frames 1 ... context + predict_frames - 1, (B, context + predict_frames - 1,
        H, W, C); the last `predict_frames` of them are the future.
    """
    future = predict_frames - 1
    context = frames.shape[1] - (future if use_truth is not None else 0)
    step = _traced_once(step, state, frames)
    predictions, prediction = [], None
    for t in range(context + future):
        if t < context:
            frame = frames[:, t]
        elif use_truth is None:
            frame = prediction
        else:
            truth = ops.cast(use_truth[:, t - context], frames.dtype)[:, None, None, None]
            frame = truth * frames[:, t] + (1 - truth) * prediction
        prediction, state = step(frame, state)
        predictions.append(prediction)
    return ops.stack(predictions, axis=1)


def _traced_once(step: Step, state, frames) -> Step:
    """On TensorFlow: the step as one graph function, traced once and called for every frame.

    Unrolling step by step traces every layer of every frame again, which for a long clip costs more
    than a hundred training steps. Growing axes are left open in the signature.
    """
    if keras.backend.backend() != "tensorflow":
        return step
    import tensorflow as tf

    if tf.executing_eagerly():
        return step

    def spec(x):
        return tf.TensorSpec([None if n == 0 else n for n in x.shape], x.dtype)

    # Flat lists of tensors, because a state may hold None (known to be zero) and functions may not.
    present = [x is not None for x in tree.flatten(state)]
    structure = {}

    def flat_step(frame, tensors):
        tensors = iter(tensors)
        slots = [next(tensors) if there else None for there in present]
        prediction, after = step(frame, tree.pack_sequence_as(state, slots))
        structure["after"] = after
        return prediction, [x for x in tree.flatten(after) if x is not None]

    tensors = [x for x in tree.flatten(state) if x is not None]
    signature = (spec(frames[:, 0]), [spec(x) for x in tensors])
    traced = tf.function(flat_step, input_signature=signature, autograph=False, experimental_attributes={"_noinline": True})

    def call(frame, state):
        tensors = [x for x in tree.flatten(state) if x is not None]
        prediction, tensors = traced(frame, tensors)
        tensors = iter(tensors)
        slots = [next(tensors) if there else None for there in present]
        return prediction, tree.pack_sequence_as(state, slots)

    return call
