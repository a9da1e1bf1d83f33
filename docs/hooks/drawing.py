"""Draws a network as SVG: what goes in, the layers of its core in order, and what comes out."""

import html
from itertools import groupby

from tfvp.models.base import VideoPredictor
from tfvp.models.clip import ClipCore
from tfvp.models.encoder_decoder import EncoderDecoderCore

WIDTH, BOX, GAP = 300, 34, 14
STYLE = "fill:none;stroke:currentColor;stroke-width:1.5"


def svg(network: VideoPredictor) -> str:
    """Return the drawing, in the colour of the text around it."""
    core = network.core
    rows = _rows(core)
    top = 70
    height = top + len(rows) * (BOX + GAP) + 76
    end = top + len(rows) * (BOX + GAP)
    given, made, loop = _words(core)
    parts = [
        f'<svg class="network" role="img" aria-label="Layers of {type(core).__name__}" '
        f'viewBox="0 0 {WIDTH + 200} {height}" width="{WIDTH + 200}" height="{height}" '
        'font-size="13" fill="currentColor">',
        f'<text x="{WIDTH / 2 + 10}" y="16" text-anchor="middle">{given}</text>',
        _arrow(WIDTH / 2 + 10, 22, top - 22),
        f'<rect x="2" y="{top - 20}" width="{WIDTH + 16}" height="{end - top + 26}" rx="8" '
        f'style="{STYLE};stroke-dasharray:5 4"/>',
        *(_box(i, text, top) for i, text in enumerate(rows)),
        _arrow(WIDTH / 2 + 10, end + 8, end + 40),
        f'<text x="{WIDTH / 2 + 10}" y="{end + 58}" text-anchor="middle">{made}</text>',
        _loop(loop, top, end) if loop else "",
        "</svg>",
    ]
    return "\n".join(filter(None, parts))


def _rows(core: object) -> list[str]:
    """Return a line for each layer, layers of one class with the same count together."""
    layers = [
        (type(layer).__name__, layer.count_params(), layer.name)
        for layer in core._flatten_layers(include_self=False, recursive=False)
        if layer.count_params()
    ]
    rows = []
    for (kind, count), group in groupby(layers, key=lambda layer: layer[:2]):
        names = [name for *_, name in group]
        shown = ", ".join(names) if len(names) < 3 else f"{names[0]} … {names[-1]}"
        each = " each" if len(names) > 1 else ""
        rows.append(f"{shown}: {kind}, {count:,}{each}")
    return rows


def _words(core: object) -> tuple[str, str, str]:
    """Return what goes in, what comes out, and what is handed to the next step of time."""
    if isinstance(core, ClipCore):
        return "all context frames at once", "all predicted frames at once", ""
    if isinstance(core, EncoderDecoderCore):
        return "context frames, one after the other", "future frames, one after the other", "state"
    return "frame t, given or predicted", "predicted frame t + 1", "state"


def _box(i: int, text: str, top: int) -> str:
    y = top + i * (BOX + GAP)
    size = 13 if len(text) < 42 else 11
    box = f'<rect x="14" y="{y - 6}" width="{WIDTH - 8}" height="{BOX}" rx="4" style="{STYLE}"/>'
    label = f'<text x="{WIDTH / 2 + 10}" y="{y + 15}" text-anchor="middle" font-size="{size}">'
    return f"{box}{label}{html.escape(text)}</text>"


def _arrow(x: float, start: float, end: float) -> str:
    head = f"M{x - 4},{end - 7} L{x},{end} L{x + 4},{end - 7}"
    return f'<path d="M{x},{start} L{x},{end} {head}" style="{STYLE}"/>'


def _loop(word: str, top: int, end: int) -> str:
    """Draw the arrow from the end of the core back to its beginning, one step later."""
    right, out = WIDTH + 18, WIDTH + 50
    path = f"M{right},{end - 8} H{out} V{top} H{right + 2}"
    head = f"M{right + 9},{top - 4} L{right + 1},{top} L{right + 9},{top + 4}"
    middle = (top + end) / 2
    lines = (word, "to the next", "step of time")
    text = "".join(
        f'<text x="{out + 8}" y="{middle + 16 * i}">{line}</text>' for i, line in enumerate(lines)
    )
    return f'<path d="{path} {head}" style="{STYLE}"/>{text}'
