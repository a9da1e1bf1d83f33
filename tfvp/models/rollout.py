"""The only loops over time in tfvp; teacher forcing and scheduled sampling enter here alone."""

from collections.abc import Callable
from typing import Any

from keras import ops, tree

from tfvp.models.graph_step import GraphStep, read_any_length, traced_once
from tfvp.models.scanned import scan, scans

Step = Callable[[Any, Any], tuple[Any, Any]]  # (frame, state) -> (next frame, state)
Feedback = Callable[[Any, Any], Any]  # (a step's output, state after it) -> what is read next


def newest(output, state):
    """Feed the prediction itself; what all but a few networks do."""
    del state
    return output


def rollout(step: Step, state, frames, *, predict_frames: int, mask=None, feedback=newest):
    """Predict the frame after every frame, reading the truth first and then the own predictions.

    The first `context` frames are read as they are. From then on step t reads
    `mask * truth + (1 - mask) * prediction`, or the prediction alone where no truth is
    given. Predictions are fed back as they are, unclipped, and gradients flow through them.

    Args:
        step: one step of a network, (frame (B, H, W, C), state) -> (next frame, state).
        state: before the first frame. An axis of size 0 in it is one that grows with every step.
        frames: (B, T, H, W, C). Without `mask` the T frames are the context; with it they are
            the context and the true future but its last frame, T = context + predict_frames - 1.
        predict_frames: frames to predict after the context.
        mask: (B, predict_frames - 1), 1 where the true frame is fed at that future step.
        feedback: a `Feedback`, what stands for a frame that is not given.

    Returns:
        Predictions of frames 1 ... T' = context + predict_frames - 1, (B, T', H, W, C), the last
        `predict_frames` of which are the future. A structure of such where the step gives one.

    >>> step = lambda frame, state: (frame + 1, state)  # predicts a frame that is brighter by 1
    >>> frames = ops.zeros((1, 2, 1, 1, 1))
    >>> [float(y) for y in ops.ravel(rollout(step, ops.zeros((1,)), frames, predict_frames=3))]
    [1.0, 1.0, 2.0, 3.0]
    """
    future = predict_frames - 1
    context = frames.shape[1] - (future if mask is not None else 0)
    if scans():
        own = ops.zeros((frames.shape[0], future)) if mask is None else mask
        shares = _after_truth(own, context) if future else None
        return scan(step, state, frames, shares, steps=context + future, feedback=feedback)[0]
    step = traced_once(step, state, frames)
    outputs, output = [], None
    for t in range(context + future):
        frame = frames[:, t] if t < context else feedback(output, state)
        if t >= context and mask is not None:
            frame = mixed(frames[:, t], frame, mask, t - context)
        output, state = step(frame, state)
        outputs.append(output)
    return tree.map_structure(lambda *steps: ops.stack(steps, axis=1), *outputs)


def read_frames(step: Step, state, frames):
    """Read a whole context and keep only the state: what an encoder does.

    Args:
        step: (frame (B, H, W, C), state) -> (anything, state).
        state: before the first frame.
        frames: (B, T, H, W, C); T may be unknown in a TensorFlow graph.

    Returns:
        The state after the last frame.
    """

    def read(frame, state):  # every step of a graph's loop must give the same kind of thing
        return frame, step(frame, state)[1]

    if frames.shape[1] is None:
        traced = GraphStep(read, state, frames)
        return traced.state(read_any_length(traced, state, frames)[0])
    if scans():
        return scan(read, state, frames, None, steps=frames.shape[1], feedback=newest)[1]
    traced_read = traced_once(read, state, frames)
    for t in range(frames.shape[1]):
        _, state = traced_read(frames[:, t], state)
    return state


def unroll(step: Step, state, first, *, steps: int, truth=None, mask=None):
    """Predict frame after frame from a state alone: what a decoder does.

    The first step reads `first`. Step t >= 1 reads the frame that step t - 1 was to predict: its
    prediction, or where there is a truth `mask * truth + (1 - mask) * prediction`.
    A step that ignores its frame makes an unconditional decoder.

    Args:
        step: (frame (B, H, W, C), state) -> (prediction, state).
        state: before the first step.
        first: (B, H, W, C), read by the first step; zeros where it has no input.
        steps: frames to predict.
        truth: (B, at least steps - 1, H, W, C), the true frames in the order of the steps.
        mask: (B, steps - 1), 1 where the true frame is fed; None with a truth: everywhere.

    Returns:
        (B, steps, H, W, C).

    >>> step = lambda frame, state: (frame + 1, state)
    >>> first = ops.zeros((1, 1, 1, 1))
    >>> [float(y) for y in ops.ravel(unroll(step, ops.zeros((1,)), first, steps=3))]
    [1.0, 2.0, 3.0]
    """
    if scans():
        frames, shares = first[:, None], ops.zeros((first.shape[0], steps - 1))
        if truth is not None:
            frames, shares = ops.concatenate([frames, truth[:, : steps - 1]], axis=1), mask
        shares = None if shares is None else _after_truth(shares, 1)
        return scan(step, state, frames, shares, steps=steps, feedback=newest)[0]
    step = traced_once(step, state, first[:, None])
    frame, predictions = first, []
    for t in range(steps):
        if t:
            frame = predictions[-1]
        if t and truth is not None:
            frame = mixed(truth[:, t - 1], frame, mask, t - 1)
        prediction, state = step(frame, state)
        predictions.append(prediction)
    return ops.stack(predictions, axis=1)


def mixed(truth, prediction, mask, t: int):
    """Return what is read: the truth where `mask` (B, steps) says so at step t, or is None."""
    if mask is None:
        return truth
    share = _per_clip(mask[:, t], truth)
    return share * truth + (1 - share) * prediction


def _after_truth(shares, steps: int):
    """Shares of the truth (B, F) behind those of so many steps that read it alone."""
    truth = ops.ones((shares.shape[0], steps), shares.dtype)
    return ops.concatenate([truth, shares], axis=1)


def _per_clip(share, frame):
    """Reshape (B,) to (B, 1, 1, 1), to weigh frames with."""
    return ops.cast(share, frame.dtype)[:, None, None, None]


def rollout_any_length(
    step: Step, state, frames, *, predict_frames: int, feedback: Feedback = newest
):
    """Predict the future of a context whose length is only known when the graph runs.

    TensorFlow only; equal to the last frames of `rollout`. For exported models.

    Args:
        step: as for `rollout`.
        state: as for `rollout`.
        frames: (B, T, H, W, C), the context; T may be unknown.
        predict_frames: frames to predict.
        feedback: as for `rollout`.

    Returns:
        (B, predict_frames, H, W, C).
    """
    traced = GraphStep(step, state, frames)
    tensors, prediction = read_any_length(traced, state, frames)
    predictions = [prediction]
    for _ in range(predict_frames - 1):
        fed = feedback(prediction, traced.state(tensors))
        prediction, tensors = traced(fed, tensors)
        predictions.append(prediction)
    return ops.stack(predictions, axis=1)


def rollout_measured(step: Step, state, frames, mask, feedback: Feedback):
    """Do as `rollout` over whole clips, of a step that gives (next frame, what it measures).

    Args:
        step: (frame (B, H, W, C), state) -> ((next frame, measured (B,)), state).
        state: as for `rollout`.
        frames: (B, T, H, W, C), whole clips.
        mask: (B, F), as for `rollout`.
        feedback: of the frame alone.

    Returns:
        Predictions of frames 1 … T - 1, and what the steps measured, (B, T - 1).
    """
    return rollout(
        step,
        state,
        frames[:, :-1],
        predict_frames=mask.shape[1] + 1,
        mask=mask,
        feedback=lambda output, state: feedback(output[0], state),
    )
