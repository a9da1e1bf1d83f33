"""Wiring: which layers' outputs a layer of a stack receives, and how they are joined."""

from keras import ops

JOINS = {"plain": None, "residual": "add", "residual_concat": "concat"}


def sources(layer: int, wiring: str) -> tuple[int, ...]:
    """Layers whose outputs enter `layer`; the decoder counts as the layer after the last.

    plain: the layer before. residual and residual_concat (Tan 2019, section 3.2, released as
    `original_e3d_lstm_residuals`): after every pair of layers both outputs go on, so of four layers
    the third receives 1 and 0, and the decoder 3 and 2.

    >>> [sources(layer, "residual") for layer in (1, 2, 3, 4)]
    [(0,), (1, 0), (2,), (3, 2)]
    """
    pair_ends = layer >= 2 and layer % 2 == 0
    return (layer - 1, layer - 2) if JOINS[wiring] and pair_ends else (layer - 1,)


def layer_input(layer: int, outputs: list, wiring: str):
    """What `layer` receives of the `outputs` of the layers below it, in the same step."""
    parts = [outputs[source] for source in sources(layer, wiring)]
    if len(parts) == 1:
        return parts[0]
    return (
        ops.concatenate(parts, axis=-1) if JOINS[wiring] == "concat" else sum(parts[1:], parts[0])
    )


def layer_width(layer: int, hidden: tuple[int, ...], wiring: str) -> int:
    """Channels that `layer` receives when the layers below have `hidden` channels."""
    widths = [hidden[source] for source in sources(layer, wiring)]
    return sum(widths) if JOINS[wiring] == "concat" else widths[0]
