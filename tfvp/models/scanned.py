"""The loop over frames in a compiled JAX program: a few scans instead of a copy of every step."""

import contextlib
import contextvars
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import keras
from keras import ops, tree
from keras.src.backend.common.stateless_scope import get_stateless_scope

from tfvp.cells.base import padded_states

SEGMENTS = 4  # of a clip whose state grows; each pays attention to as much as its last step has
_SCANS: contextvars.ContextVar[bool | None] = contextvars.ContextVar("scans", default=None)


@contextlib.contextmanager
def scanned(whether: bool) -> Iterator[None]:
    """Within the context a compiled clip is scans wherever it runs, or else a copy of every step.

    A copy of every step is what operations are counted in.
    """
    before = _SCANS.set(whether)
    try:
        yield
    finally:
        _SCANS.reset(before)


def scans() -> bool:
    """Whether the loop is `scan`: while JAX traces a function, and not for a CPU.

    On a CPU XLA computes convolutions inside a loop several times slower: docs/performance.md.
    """
    if keras.backend.backend() != "jax":
        return False
    import jax
    from jax.core import Tracer

    chosen = _SCANS.get()
    wanted = jax.default_backend() != "cpu" if chosen is None else chosen
    return wanted and isinstance(ops.zeros(()), Tracer)


def scan(step: Callable, state, frames, shares, *, steps: int, feedback: Callable):
    """Take steps that read the truth, their own predictions, or something between.

    A state that grows is a buffer of one size in a scan, filled from its end. `SEGMENTS` scans
    keep the buffers of a clip's beginning short; a state that does not grow needs one scan.

    Args:
        step: (frame (B, …), state) -> (output, state); the output may be a structure.
        state: before the first step; an axis of size 0 in it grows with every step.
        frames: (B, T, …), the truth of the first T steps.
        shares: (B, steps), 1 where a step reads the truth; None: all do.
        steps: how many to take.
        feedback: (output, state after it) -> what is read where there is no truth.

    Returns:
        The outputs (B, steps, …), and the state after the last step.
    """
    import jax

    pure = _with_variables(step)
    carried, growth = _start(pure, frames[:, 0], state)

    def body(carried, read):
        output, state, values = carried
        frame, share = read
        if share is not None:
            frame = share * frame + (1 - share) * feedback(output, state)
        shifted = jax.tree.map(_Growth.make_room, growth, state)
        with padded_states():
            (output, state), values = pure(values, frame, shifted)
        return (output, state, values), output

    reads, parts = _reads(frames, shares, steps), []
    for begin, end in itertools.pairwise(_ends(steps, growth)):
        padded = jax.tree.map(partial(_Growth.pad, steps=end), growth, carried[1])
        read = jax.tree.map(itemgetter(slice(begin, end)), reads)
        carried, outputs = jax.lax.scan(body, (carried[0], padded, carried[2]), read)
        parts.append(outputs)
    _values_of_scope().update(carried[2])
    return jax.tree.map(_joined, *parts), carried[1]


def _joined(*parts):
    """The outputs of all scans, time first, as (B, steps, …)."""
    return ops.moveaxis(ops.concatenate(parts), 0, 1)


def _start(pure: Callable, frame, state):
    """What a scan carries at its start (an output, the state, variables), and the state's growth.

    The output is zeros: the first step reads the truth.
    """
    import jax

    (output, after), changed = jax.eval_shape(pure, {}, frame, state)
    carried = (
        jax.tree.map(lambda x: ops.zeros(x.shape, x.dtype), output),
        jax.tree.map(lambda x, later: ops.cast(x, later.dtype), state, after),
        {key: _values_of_scope()[key] for key in changed},
    )
    return carried, jax.tree.map(_growth, state, after)


@dataclass(frozen=True)
class _Growth:
    """How a tensor of the state grows: by so many slices of an axis in every step, perhaps 0."""

    axis: int
    slices: int

    def pad(self, x, steps: int):
        """The tensor with room before its first slice for all that so many steps give."""
        missing = [(0, 0)] * len(x.shape)
        missing[self.axis] = (max(0, self.slices * steps - x.shape[self.axis]), 0)
        return ops.pad(x, missing) if self.slices else x

    def make_room(self, x):
        """The tensor without its first slices, which hold nothing yet, for a step to add to."""
        return ops.split(x, [self.slices], axis=self.axis)[1] if self.slices else x


def _growth(before, after) -> _Growth:
    """How a tensor grows, from its shapes before and after the first step."""
    if 0 not in before.shape:
        return _Growth(0, 0)
    axis = before.shape.index(0)
    return _Growth(axis, after.shape[axis])


def _ends(steps: int, growth) -> list[int]:
    """The first step of every scan, and the number of steps."""
    grows = any(each.slices for each in tree.flatten(growth) if each is not None)
    count = min(SEGMENTS, steps) if grows else 1
    return [steps * i // count for i in range(count + 1)]


def _reads(frames, shares, steps: int):
    """What each step reads, time first: frames, zeros where none is given, and their share."""
    frames = ops.moveaxis(frames, 1, 0)
    missing = ops.zeros((steps - frames.shape[0], *frames.shape[1:]), frames.dtype)
    if shares is None:
        return frames, None
    shares = ops.cast(ops.transpose(shares), frames.dtype)
    shares = ops.reshape(shares, (*shares.shape, *(1 for _ in frames.shape[2:])))
    return ops.concatenate([frames, missing]), shares


def _with_variables(step: Callable) -> Callable:
    """The step as a function of the values of the variables that it changes.

    Layers may assign variables in a step (running statistics, counters of seeds). A scan must carry
    their values, or what it assigned is lost behind it.

    Returns:
        (values by the variables' ids, frame, state) -> ((output, state), values that are changed).
    """
    outer = _values_of_scope()

    def pure(values, frame, state):
        with keras.StatelessScope() as scope:
            scope.state_mapping = {**outer, **values}
            before = dict(scope.state_mapping)
            result = step(frame, state)
        now = scope.state_mapping
        keys = values or [key for key in now if now[key] is not before.get(key)]
        return result, {key: now[key] for key in keys}

    return pure


def _values_of_scope() -> dict:
    """Values of variables by their ids, as the program has them so far."""
    return getattr(get_stateless_scope(), "state_mapping", {})
