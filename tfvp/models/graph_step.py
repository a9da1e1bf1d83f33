"""One step of a network as one TensorFlow function, and the graph's own loop over frames."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import keras
from keras import tree


class _Variables(NamedTuple):
    """The variables of a network that trains."""

    weights: Sequence[keras.Variable]
    others: Sequence[keras.Variable]


_FOR_XLA = contextvars.ContextVar("for_xla", default=False)
_HANDED_ON: contextvars.ContextVar[_Variables | None] = contextvars.ContextVar(
    "handed_on", default=None
)


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


@contextlib.contextmanager
def weights_handed_on(
    weights: Sequence[keras.Variable], others: Sequence[keras.Variable]
) -> Iterator[None]:
    """Return a context whose steps hand the weights on from frame to frame, as if a state.

    The gradient then adds up what every frame gives to a weight on its way back through the clip;
    read as variables, the weights would get a gradient of their own from each frame, and all of
    them would be kept until the last is there.

    Args:
        weights: those that a gradient is taken with respect to.
        others: all other variables of the network, which a step may assign.
    """
    before = _HANDED_ON.set(_Variables(weights, others))
    try:
        yield
    finally:
        _HANDED_ON.reset(before)


def traced_once(step: Callable, state, frames) -> Callable:
    """Return the step; in a TensorFlow graph as a function that is traced once for all frames.

    Unrolling step by step would trace and optimise every layer of every frame again.
    """
    if keras.backend.backend() != "tensorflow":
        return step
    import tensorflow as tf

    if tf.executing_eagerly():
        return step
    variables = _HANDED_ON.get() or _Variables((), ())
    traced = GraphStep(_reading_weights(step, variables), (state, variables.weights), frames)
    weights = [weight.value for weight in variables.weights]

    def call(frame, state):
        nonlocal weights
        prediction, tensors = traced(frame, traced.tensors((state, weights)))
        state, weights = traced.state(tensors)
        return prediction, state

    return call


def _reading_weights(step: Callable, variables: _Variables) -> Callable:
    """Return the step from (state, values of the weights) to the same."""

    def read(frame, both):
        state, values = both
        handed = list(zip(variables.weights, values, strict=True))
        with keras.StatelessScope(handed) as scope:
            prediction, state = step(frame, state)
        for variable in variables.others:  # what the step assigned ended with the scope
            assigned = scope.get_current_value(variable)
            if assigned is not None:
                variable.assign(assigned)
        return prediction, (state, values)

    return read


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
