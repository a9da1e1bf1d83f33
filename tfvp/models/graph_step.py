"""One step of a network as one TensorFlow function, and the graph's own loop over frames."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import keras
from keras import tree

_FOR_XLA = contextvars.ContextVar("for_xla", default=False)


@contextlib.contextmanager
def for_xla() -> Iterator[None]:
    """Return a context whose graphs XLA can compile, gradients included.

    It must see the axes and shapes of a step's operations, which a call would hide from it.
    """
    before = _FOR_XLA.set(True)
    try:
        yield
    finally:
        _FOR_XLA.reset(before)


def traced_once(step: Callable, state, frames) -> Callable:
    """Return the step; in a TensorFlow graph as a function that is traced once for all frames.

    Unrolling step by step would trace and optimise every layer of every frame again.
    """
    if keras.backend.backend() != "tensorflow":
        return step
    import tensorflow as tf

    if tf.executing_eagerly():
        return step
    traced = GraphStep(step, state, frames)

    def call(frame, state):
        prediction, tensors = traced(frame, traced.tensors(state))
        return prediction, traced.state(tensors)

    return call


def read_any_length(traced: "GraphStep", state, frames):
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


class GraphStep:
    """A step as one TensorFlow function from tensors to tensors; growing axes are left open.

    A state may hold None (known to be zero) and a function's signature may not, so the state goes
    in and out as the list of its tensors.
    """

    def __init__(self, step: Callable, state, frames):
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
        """Take the step: frame (B, H, W, C) and the state's tensors -> prediction, tensors."""
        return self.call(frame, tensors)

    def tensors(self, state) -> list:
        """Return the state's tensors, in order."""
        return [x for x in tree.flatten(state) if x is not None]

    def state(self, tensors: list):
        """Return the state that these tensors belong to."""
        remaining = iter(tensors)
        slots = [None if x is None else next(remaining) for x in tree.flatten(self.structure)]
        return tree.pack_sequence_as(self.structure, slots)
