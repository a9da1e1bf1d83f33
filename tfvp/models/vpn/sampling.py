"""Predicts a frame pixel by pixel, with no more operations than one pass over the whole frame."""

import keras
from keras import ops

from tfvp.layers.masked_conv import MaskedConv2D
from tfvp.models.vpn.blocks import Decoder
from tfvp.shapes import Tensor


class PixelStep:
    """Computes the masked convolutions at one pixel, each in its window, see `MaskedConv2D`.

    Args:
        windows: the windows of the layers, in the order of their use.
        column: the pixel's column, a scalar.
    """

    def __init__(self, windows: list[Tensor], column: Tensor):
        self.before = iter(windows)
        self.column = column
        self.after: list[Tensor] = []

    def __call__(self, layer: keras.layers.Layer, x: Tensor) -> Tensor:
        """Apply a masked layer at the pixel, whose input is x (B, 1, 1, C)."""
        assert isinstance(layer, MaskedConv2D)
        window = layer.write(next(self.before), x, self.column)
        self.after.append(window)
        return layer.look(window, self.column)


def first_windows(decoder: Decoder, batch_size: int | Tensor, width: int) -> list[Tensor]:
    """Return the windows of all masked convolutions before the first row of a frame."""
    return [layer.first_window(batch_size, width) for layer in decoder.masked_layers]


def sample_row(
    decoder: Decoder, context: Tensor, windows: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Predict a row of pixels, each from the means predicted for those before it.

    Args:
        decoder: the decoder.
        context: (B, W, channels), this row of `Decoder.context`.
        windows: the windows after the row before.

    Returns:
        The row (B, W, C) in [0, 1], and the windows for the next row.
    """
    frame_conv, width = decoder.frame_conv, context.shape[1]
    assert frame_conv is not None

    def pixel(column, carried):
        row, (pixels, *rest) = carried
        here = ops.take(context, ops.reshape(column, (1,)), axis=1)[:, None]
        step = PixelStep(rest, column)
        logits = decoder.after_first(frame_conv.look(pixels, column) + here, step)
        value = ops.sigmoid(logits)
        is_here = ops.reshape(ops.arange(width) == column, (1, width, 1))
        row = ops.where(is_here, value[:, 0], row)
        return row, [frame_conv.write(pixels, value, column), *step.after]

    batch_size = ops.shape(context)[0]
    row = ops.zeros((batch_size, width, decoder.frame_channels), context.dtype)
    row, windows = ops.fori_loop(0, width, pixel, (row, windows))
    layers = decoder.masked_layers
    return row, [layer.next_row(w) for layer, w in zip(layers, windows, strict=True)]


def sample_frame(decoder: Decoder, hidden: Tensor) -> Tensor:
    """Predict a frame (B, H, W, C) pixel by pixel from the cell's output (B, H, W, channels)."""
    context = decoder.context(hidden)
    _, height, width, _ = context.shape

    def one_row(index, carried):
        frame, windows = carried
        here = ops.take(context, ops.reshape(index, (1,)), axis=1)[:, 0]
        row, windows = sample_row(decoder, here, windows)
        is_here = ops.reshape(ops.arange(height) == index, (1, height, 1, 1))
        return ops.where(is_here, row[:, None], frame), windows

    batch_size = ops.shape(context)[0]
    frame = ops.zeros((batch_size, height, width, decoder.frame_channels), context.dtype)
    windows = first_windows(decoder, batch_size, width)
    return ops.fori_loop(0, height, one_row, (frame, windows))[0]
