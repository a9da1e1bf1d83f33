"""Draws a clip with its predictions: filmstrips, and an animation of truth beside prediction.

Frames are (H, W, C) in [0, 1] with 1 or 3 channels, and are enlarged by whole pixels. Context
frames, which the network is given, have a blue border, and predicted frames an orange border. The
frames of a clip are numbered from 1.
"""

import io
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tfvp.drawing.colours import flow_colours, overlap

BLUE, ORANGE, GRAY = (31, 119, 180), (230, 110, 20), (170, 170, 170)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
LEGEND = "blue: context   orange: prediction   |error|: black 0, white 1"
FLOW_LEGEND = f"{LEGEND}   flow: hue: from where, white: no motion"
OVERLAP_LEGEND = f"{LEGEND}   overlap: truth white over prediction red"

STRIP_COLUMNS = 10
STRIP_FRAME_PX, MOVIE_FRAME_PX = 96, 192  # a frame is enlarged to at least this
BORDER_PX, GAP_PX, MARGIN_PX = 3, 4, 10
FONT_PX = 14
LINE_PX = FONT_PX + 6
FRAME_MS, LAST_FRAME_MS = 200, 1000

_FONT = ImageFont.load_default(FONT_PX)

StripRow = tuple[str, range, NDArray, tuple[int, int, int]]
"""The label, the indices of the frames in the clip, the frames, and the colour of their border."""


def filmstrip(
    clip: NDArray,
    prediction: NDArray,
    title: str,
    drawings: Mapping[str, NDArray] = MappingProxyType({}),
) -> Image.Image:
    """Draw rows of context, then of truth, prediction and |error|, with ten frames a row.

    Args:
        clip: the true frames, (T, H, W, C) in [0, 1].
        prediction: the prediction of the clip's last frames, (Tp, H, W, C); clipped to [0, 1].
            Where it is of all frames it is called their reconstruction.
        title: the first line of the picture.
        drawings: further rows by name, of each predicted frame: pictures (Tp, H, W, 1 or 3), or how
            it was moved, (Tp, H, W, 2) in pixels.
    """
    pictures = {
        name: flow_colours(drawn) if drawn.shape[-1] == 2 else drawn
        for name, drawn in drawings.items()
    }
    context = len(clip) - len(prediction)
    truth, prediction = clip[context:], np.clip(prediction, 0, 1)
    rows, made = _context_rows(clip, context), "prediction" if context else "reconstruction"
    for start in range(0, len(prediction), STRIP_COLUMNS):
        part = slice(start, start + STRIP_COLUMNS)
        numbers = range(context + start, context + start + len(prediction[part]))
        rows.append(("truth", numbers, truth[part], GRAY))
        rows.append((made, numbers, prediction[part], ORANGE))
        rows.append(("|error|", numbers, np.abs(truth[part] - prediction[part]), GRAY))
        rows += [(name, numbers, drawn[part], GRAY) for name, drawn in pictures.items()]
    has_flow = any(drawn.shape[-1] == 2 for drawn in drawings.values())
    legend = FLOW_LEGEND if has_flow else LEGEND
    return _strip(rows, title, legend.replace("prediction", made))


def models_strip(clip: NDArray, predictions: Mapping[str, NDArray], title: str) -> Image.Image:
    """Draw context and truth, then prediction, |error| and overlap of each model, ten frames a row.

    Args:
        clip: the true frames, (T, H, W, C) in [0, 1].
        predictions: name of a model -> its prediction of the clip's last frames, (Tp, H, W, C).
        title: the first line of the picture.
    """
    count = len(next(iter(predictions.values())))
    context = len(clip) - count
    rows = _context_rows(clip, context)
    for start in range(context, len(clip), STRIP_COLUMNS):
        numbers = range(start, min(start + STRIP_COLUMNS, len(clip)))
        truth = clip[numbers.start : numbers.stop]
        rows.append(("truth", numbers, truth, GRAY))
        for name, prediction in predictions.items():
            shown = np.clip(prediction[numbers.start - context : numbers.stop - context], 0, 1)
            rows.append((name, numbers, shown, ORANGE))
            rows.append(("|error|", numbers, np.abs(truth - shown), GRAY))
            rows.append(("overlap", numbers, overlap(truth, shown), GRAY))
    legend = OVERLAP_LEGEND if context else OVERLAP_LEGEND.replace("prediction", "reconstruction")
    return _strip(rows, title, legend)


def movie(clip: NDArray, prediction: NDArray) -> list[Image.Image]:
    """Draw each frame's truth beside its prediction; in the context both sides show the truth."""
    made = "prediction" if len(clip) > len(prediction) else "reconstruction"
    return models_movie(clip, {made: prediction})


def models_movie(clip: NDArray, predictions: Mapping[str, NDArray]) -> list[Image.Image]:
    """Draw each frame's truth beside each model's prediction; in the context all show the truth."""
    context = len(clip) - len(next(iter(predictions.values())))
    done = "predicted" if context else "reconstructed"
    shown, zoom, pictures = {"truth": clip}, _zoom(clip, MOVIE_FRAME_PX), []
    for name, prediction in predictions.items():
        shown[name] = np.concatenate([clip[:context], np.clip(prediction, 0, 1)])
    for index in range(len(clip)):
        given = index < context
        colour, phase = (BLUE, "context") if given else (ORANGE, done)
        sides = [_framed(frames[index], zoom, colour) for frames in shown.values()]
        width, height = sides[0].size
        whole = len(sides) * (width + MARGIN_PX) + MARGIN_PX
        canvas = Image.new("RGB", (whole, height + 2 * LINE_PX + 10), WHITE)
        draw = ImageDraw.Draw(canvas)
        for side, (name, picture) in enumerate(zip(shown, sides, strict=True)):
            left = MARGIN_PX + side * (width + MARGIN_PX)
            draw.text((left, 4), name, BLACK, _FONT)
            canvas.paste(picture, (left, LINE_PX + 4))
        words = f"frame {index + 1}, {phase}"
        draw.text((MARGIN_PX, height + LINE_PX + 6), words, colour, _FONT)
        pictures.append(canvas)
    return pictures


def png(picture: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return data.getvalue()


def numbered(frame: NDArray, number: int, predicted: bool) -> Image.Image:
    """Draw a frame of a clip with its number below, in blue if it was given, else in orange.

    Args:
        frame: (H, W, C) in [0, 1].
        number: the number of the frame in the clip, from 1.
        predicted: whether the network predicted the frame.
    """
    colour, phase = (ORANGE, "predicted") if predicted else (BLUE, "context")
    picture = _framed(frame, _zoom(frame[None], MOVIE_FRAME_PX), colour)
    text = f"frame {number}, {phase}"
    width = max(picture.width, _text_px(f"frame {'0' * 5}, predicted") + 2 * GAP_PX)
    canvas = Image.new("RGB", (width, picture.height + LINE_PX), WHITE)
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    ImageDraw.Draw(canvas).text((GAP_PX, picture.height), text, colour, _FONT)
    return canvas


def gif(pictures: list[Image.Image], frame_ms: int = FRAME_MS) -> bytes:
    """Encode an endless GIF of `frame_ms` a picture, whose last picture is held for a second."""
    data = io.BytesIO()
    durations_ms = [frame_ms] * (len(pictures) - 1) + [LAST_FRAME_MS]
    pictures[0].save(
        data,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations_ms,
        loop=0,
    )
    return data.getvalue()


def to_bytes(frames: NDArray) -> NDArray[np.uint8]:
    """Convert frames to uint8: they are clipped to [0, 1] and rounded to 0-255."""
    return np.rint(np.clip(frames, 0, 1) * 255).astype(np.uint8)


def _context_rows(clip: NDArray, context: int) -> list[StripRow]:
    starts = range(0, context, STRIP_COLUMNS)
    parts = [range(start, min(start + STRIP_COLUMNS, context)) for start in starts]
    return [("context", part, clip[part.start : part.stop], BLUE) for part in parts]


def _strip(rows: list[StripRow], title: str, legend: str = LEGEND) -> Image.Image:
    """Draw rows as one picture, with the title above and the legend below."""
    zoom = _zoom(rows[0][2], STRIP_FRAME_PX)
    cell_w, cell_h = _framed(rows[0][2][0], zoom, GRAY).size
    left = MARGIN_PX + max(_text_px(label) for label, *_ in rows) + MARGIN_PX
    columns = max(len(numbers) for _, numbers, _, _ in rows)
    text_width = max(_text_px(title), _text_px(legend)) + 2 * MARGIN_PX
    width = max(left + columns * (cell_w + GAP_PX) + MARGIN_PX, text_width)
    numbered = sum(label in ("context", "truth") for label, *_ in rows)
    height = LINE_PX * (numbered + 2) + len(rows) * (cell_h + GAP_PX) + 2 * MARGIN_PX
    canvas = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(canvas)
    draw.text((MARGIN_PX, MARGIN_PX), title, BLACK, _FONT)
    top = MARGIN_PX + LINE_PX
    for label, numbers, frames, colour in rows:
        if label in ("context", "truth"):  # each block of rows starts with its frame numbers
            for column, number in enumerate(numbers):
                middle = left + column * (cell_w + GAP_PX) + cell_w / 2
                draw.text((middle, top + LINE_PX - 4), str(number + 1), BLACK, _FONT, anchor="ms")
            top += LINE_PX
        draw.text((MARGIN_PX, top + cell_h / 2), label, BLACK, _FONT, anchor="lm")
        for column, frame in enumerate(frames):
            canvas.paste(_framed(frame, zoom, colour), (left + column * (cell_w + GAP_PX), top))
        top += cell_h + GAP_PX
    draw.text((MARGIN_PX, top + 2), legend, BLACK, _FONT)
    return canvas


def _framed(frame: NDArray, zoom: int, colour: tuple[int, int, int]) -> Image.Image:
    """Draw one frame, each pixel repeated `zoom` times in both directions, with a border."""
    height, width, channels = frame.shape
    if channels not in (1, 3):
        raise ValueError(f"pictures need frames of 1 or 3 channels, got {channels}")
    pixels = (
        np.broadcast_to(to_bytes(frame), (height, width, 3))
        .repeat(zoom, axis=0)
        .repeat(zoom, axis=1)
    )
    size = (width * zoom + 2 * BORDER_PX, height * zoom + 2 * BORDER_PX)
    framed = Image.new("RGB", size, colour)
    framed.paste(Image.fromarray(pixels), (BORDER_PX, BORDER_PX))
    return framed


def _zoom(frames: NDArray, least_px: int) -> int:
    """Compute how often to repeat each pixel so that the longer side has at least `least_px`."""
    return -(-least_px // max(frames.shape[1:3]))


def _text_px(text: str) -> int:
    return int(np.ceil(_FONT.getlength(text)))
