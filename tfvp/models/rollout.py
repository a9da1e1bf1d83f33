"""The only loops over time in tfvp; teacher forcing and scheduled sampling enter here alone."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops, tree

Step = Callable[[Any, Any], tuple[Any, Any]]  # (frame, state) -> (next frame, state)
Feedback = Callable[[Any, Any], Any]  # (a step's output, state after it) -> what is read next


_FOR_XLA = contextvars.ContextVar("for_xla", default=False)


@contextlib.contextmanager
def for_xla() -> Iterator[None]:
    """Within the context graphs are made such that XLA can compile them, gradients included.

    It must see the axes and shapes of a step's operations, which a call would hide from it.
    """
    before = _FOR_XLA.set(True)
    try:
        yield
    finally:
        _FOR_XLA.reset(before)


def newest(output, state):
    """Feed the prediction itself; what all but a few networks do."""
    del state
    return output


def rollout(step: Step, state, frames, *, predict_frames: int, use_truth=None, feedback=newest):
    """Predict the frame after every frame, reading the truth first and then the own predictions.

    The first `context` frames are read as they are. From then on step t reads
    `use_truth * truth + (1 - use_truth) * prediction`, or the prediction alone where no truth is
    given. Predictions are fed back as they are, unclipped, and gradients flow through them.

    Args:
        step: one step of a network, (frame (B, H, W, C), state) -> (next frame, state).
        state: before the first frame. An axis of size 0 in it is one that grows with every step.
        frames: (B, T, H, W, C). Without `use_truth` the T frames are the context; with it they are
            the context and the true future but its last frame, T = context + predict_frames - 1.
        predict_frames: frames to predict after the context.
        use_truth: (B, predict_frames - 1), 1 where the true frame is fed at that future step.
        feedback: a `Feedback`, what stands for a frame that is not given.

    Returns:
        Predictions of frames 1 ... T' = context + predict_frames - 1, (B, T', H, W, C), the last
        `predict_frames` of which are the future. A structure of such where the step gives one.
    """
    future = predict_frames - 1
    context = frames.shape[1] - (future if use_truth is not None else 0)
    step = _traced_once(step, state, frames)
    outputs, output = [], None
    for t in range(context + future):
        if t < context:
            frame = frames[:, t]
        else:
            frame = feedback(output, state)
        if t >= context and use_truth is not None:
            frame = _mixed(frames[:, t], frame, use_truth, t - context)
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
        traced = _FlatStep(read, state, frames)
        return traced.state(_read_any_length(traced, state, frames)[0])
    traced_read = _traced_once(read, state, frames)
    for t in range(frames.shape[1]):
        _, state = traced_read(frames[:, t], state)
    return state


def unroll(step: Step, state, first, *, steps: int, truth=None, use_truth=None):
    """Predict frame after frame from a state alone: what a decoder does.

    The first step reads `first`. Step t >= 1 reads the frame that step t - 1 was to predict: its
    prediction, or where there is a truth `use_truth * truth + (1 - use_truth) * prediction`.
    A step that ignores its frame makes an unconditional decoder.

    Args:
        step: (frame (B, H, W, C), state) -> (prediction, state).
        state: before the first step.
        first: (B, H, W, C), read by the first step; zeros where it has no input.
        steps: frames to predict.
        truth: (B, at least steps - 1, H, W, C), the true frames in the order of the steps.
        use_truth: (B, steps - 1), 1 where the true frame is fed; None with a truth: everywhere.

    Returns:
        (B, steps, H, W, C).
    """
    step = _traced_once(step, state, first[:, None])
    frame, predictions = first, []
    for t in range(steps):
        if t:
            frame = predictions[-1]
        if t and truth is not None:
            frame = _mixed(truth[:, t - 1], frame, use_truth, t - 1)
        prediction, state = step(frame, state)
        predictions.append(prediction)
    return ops.stack(predictions, axis=1)


def _mixed(truth, prediction, use_truth, t: int):
    """What is read: the truth where `use_truth` (B, steps) says so at step t, or is not given."""
    if use_truth is None:
        return truth
    share = _per_clip(use_truth[:, t], truth)
    return share * truth + (1 - share) * prediction


def _per_clip(share, frame):
    """(B,) -> (B, 1, 1, 1), to weigh frames with."""
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
    traced = _FlatStep(step, state, frames)
    tensors, prediction = _read_any_length(traced, state, frames)
    predictions = [prediction]
    for _ in range(predict_frames - 1):
        fed = feedback(prediction, traced.state(tensors))
        prediction, tensors = traced(fed, tensors)
        predictions.append(prediction)
    return ops.stack(predictions, axis=1)


def _read_any_length(traced: "_FlatStep", state, frames):
    """Read frames in the graph's own loop; the state's tensors and the last prediction."""
    import tensorflow as tf

    context = tf.shape(frames)[1]

    def read(t, tensors, _):
        prediction, tensors = traced(frames[:, t], tensors)
        return t + 1, tensors, prediction

    _, tensors, prediction = tf.while_loop(
        lambda t, *_: t < context,
        read,
        (tf.constant(0), traced.tensors(state), tf.zeros_like(frames[:, 0])),
        shape_invariants=(tf.TensorShape([]), [x.shape for x in traced.state_specs], None),
    )
    return tensors, prediction


def _traced_once(step: Step, state, frames) -> Step:
    """In a TensorFlow graph: the step as one function, traced once and called for every frame.

    Unrolling step by step would trace and optimise every layer of every frame again.
    """
    if keras.backend.backend() != "tensorflow":
        return step
    import tensorflow as tf

    if tf.executing_eagerly():
        return step
    traced = _FlatStep(step, state, frames)

    def call(frame, state):
        prediction, tensors = traced(frame, traced.tensors(state))
        return prediction, traced.state(tensors)

    return call


class _FlatStep:
    """A step as one TensorFlow function from tensors to tensors; growing axes are left open.

    A state may hold None (known to be zero) and a function's signature may not, so the state goes
    in and out as the list of its tensors.
    """

    def __init__(self, step: Step, state, frames):
        import tensorflow as tf

        def spec(x):
            return tf.TensorSpec([None if n == 0 else n for n in x.shape], x.dtype)

        def flat_step(frame, tensors):
            prediction, after = step(frame, self.state(tensors))
            return prediction, self.tensors(after)

        self.structure = state
        self.state_specs = [spec(x) for x in self.tensors(state)]
        self.call = tf.function(
            flat_step,
            input_signature=(spec(frames[:, 0]), self.state_specs),
            autograph=False,
            # Kept as a call: inlined, the whole clip becomes one graph that takes TensorFlow far
            # longer to optimise and is no faster.
            experimental_attributes={"_noinline": not _FOR_XLA.get()},
        )

    def __call__(self, frame, tensors: list):
        return self.call(frame, tensors)

    def tensors(self, state) -> list:
        """The state's tensors, in order."""
        return [x for x in tree.flatten(state) if x is not None]

    def state(self, tensors: list):
        """The state that these tensors belong to."""
        remaining = iter(tensors)
        slots = [None if x is None else next(remaining) for x in tree.flatten(self.structure)]
        return tree.pack_sequence_as(self.structure, slots)
