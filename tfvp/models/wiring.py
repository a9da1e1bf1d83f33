"""Wiring: which layers' outputs a layer of a stack receives, and who carries the memory."""

from collections.abc import Sequence

from keras import ops

from tfvp.shapes import Tensor

JOINS = {"plain": None, "residual": "add", "residual_concat": "concat"}


def sources(layer: int, wiring: str) -> tuple[int, ...]:
    """Return the layers whose outputs enter `layer`; the decoder counts as the one after the last.

    plain: the layer before. residual and residual_concat (Tan 2019, section 3.2, released as
    `original_e3d_lstm_residuals`): after every pair of layers both outputs go on, so of four layers
    the third receives 1 and 0, and the decoder 3 and 2.

    >>> [sources(layer, "residual") for layer in (1, 2, 3, 4)]
    [(0,), (1, 0), (2,), (3, 2)]
    """
    pair_ends = layer >= 2 and layer % 2 == 0
    return (layer - 1, layer - 2) if JOINS[wiring] and pair_ends else (layer - 1,)


def layer_input(layer: int, outputs: list[Tensor], wiring: str) -> Tensor:
    """Join the `outputs` (B, ..., C) of the layers below that `layer` reads in the same step."""
    parts = [outputs[source] for source in sources(layer, wiring)]
    if len(parts) == 1:
        return parts[0]
    return (
        ops.concatenate(parts, axis=-1) if JOINS[wiring] == "concat" else sum(parts[1:], parts[0])
    )


def layer_width(layer: int, hidden: tuple[int, ...], wiring: str) -> int:
    """Return the channels that `layer` receives when the layers below have `hidden` channels."""
    widths = [hidden[source] for source in sources(layer, wiring)]
    return sum(widths) if JOINS[wiring] == "concat" else widths[0]


def run_stack(cells: list, x: Tensor, states: Sequence) -> tuple[list[Tensor], tuple]:
    """Run a stack of cells for one step, each reading the output of the one below.

    Args:
        cells: from the lowest.
        x: (B, ..., C), the input of the lowest.
        states: one state a cell.

    Returns:
        The outputs of all cells and their new states.
    """
    outputs, after = [], []
    for cell, state in zip(cells, states, strict=True):
        x, new = cell(x, state)
        outputs.append(x)
        after.append(new)
    return outputs, tuple(after)


def run_stack_with_memory(
    cells: list, x: Tensor, states: tuple, memory: Tensor | None, wiring: str = "plain"
) -> tuple[list[Tensor], tuple, Tensor]:
    """Run a stack of cells for one step, one memory passing through all of them.

    The memory leaves layer k and enters layer k + 1 of the same step; what leaves the last layer is
    for the first layer of the next step. Sources: PredRNN, PredRNN++ and E3D-LSTM as released.

    Args:
        cells: cells whose states have a slot `memory`, from the lowest.
        x: (B, ..., C), the input of the lowest.
        states: one state a cell; their memory is not read.
        memory: the memory that enters the lowest; None if known to be zero.
        wiring: see `sources`.

    Returns:
        The outputs of all cells, their new states with memory None, and the memory.
    """
    outputs, after = [], []
    for i, cell in enumerate(cells):
        received = x if i == 0 else layer_input(i, outputs, wiring)
        h, new = cell(received, states[i]._replace(memory=memory))
        memory = new.memory
        outputs.append(h)
        after.append(new._replace(memory=None))
    return outputs, tuple(after), memory
