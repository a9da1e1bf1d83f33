"""The Video Pixel Network: an encoder and a ConvLSTM over frames, a decoder over pixels."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfvp.cells.make import make_cell
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.rollout import mixed, read_frames, rollout
from tfvp.models.vpn.blocks import Decoder, Encoder
from tfvp.models.vpn.config import VPNConfig
from tfvp.models.vpn.sampling import first_windows, sample_frame, sample_row
from tfvp.sections import DataSection
from tfvp.shapes import Tensor, check_shape


@keras.saving.register_keras_serializable(package="tfvp")
class VPN(RecurrentCore):
    """One step of the Video Pixel Network, Kalchbrenner et al. 2017 (arXiv:1610.00527).

        h_t, state = ConvLSTM(encoder(F_{t-1}), state)
        p(F_t | F_<t) = ∏_i p(F_{t,i} | F_{t,<i}, h_t),   a Bernoulli of mean σ(decoder(h_t, F_t)_i)

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. `decoder` sees F_t through masked
    convolutions alone, so pixel i of its output depends on the pixels before i in raster order. See
    `Encoder`, `ResidualBlock` and `Decoder` for the layers.

    Three ways to a frame: its true pixels given (`training_frame` "true", and to measure the
    likelihood); a black frame in their place, so that a pass gives the whole frame, as Feist 2021
    trains and predicts; pixel by pixel, each from the means predicted for those before it. What is
    predicted is the mean of a pixel, never a draw, so a prediction is the same every time.

    The paper names neither the first convolution, nor how frame and context meet, nor the size of
    the ConvLSTM: a 1x1, a sum and 3x3 here. Feist names no activation before his last layers and
    one masked 7x7 over context and frame: as in PixelCNN, and unmasked over the context here, which
    has as many weights and hides nothing that may be seen.

    >>> sizes = {"channels": 4, "encoder_dilations": (1,), "decoder_blocks": 1, "top": (4,)}
    >>> core = VPN(VPNConfig(**sizes, sampling="zero_frame").settings())
    >>> network = VPNPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all states 0: σ(0)
    ((2, 2, 8, 8, 1), 0.5)

    Args:
        settings: see `VPNConfig.settings`.
    """

    def __init__(self, settings: dict[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        self.settings = settings
        dtype, channels = self.dtype_policy, settings["channels"]
        self.encoder = Encoder(
            settings["block"],
            channels,
            settings["encoder_kernel"],
            tuple(settings["encoder_dilations"]),
            name="encoder",
            dtype=dtype,
        )
        self.cell = make_cell(settings["cell"], channels, dtype=dtype, name="cell")
        self.decoder = Decoder(settings, name="decoder", dtype=dtype)

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        self.encoder.build(frame_shape)
        self.cell.build((*frame_shape[:-1], self.settings["channels"]))
        self.decoder.build(frame_shape)
        self.built = True

    def initial_state(self, batch_size, frame_shape):
        """Return the all-zero state of the ConvLSTM for frames of (H, W, C)."""
        return self.cell.get_initial_state(batch_size, frame_shape[:2])

    def read(self, frame, state):
        """Read a frame (B, H, W, C); returns h (B, H, W, channels) of the next, and the state."""
        return self.cell(self.encoder(frame), state)

    def predicted(self, hidden):
        """Predict the next frame (B, H, W, C) from h (B, H, W, channels) alone."""
        if self.settings["sampling"] == "zero_frame":
            return ops.sigmoid(self.decoder(hidden))
        return sample_frame(self.decoder, hidden)

    def call(self, frame, state):
        """Predict the frame after `frame` (B, H, W, C); returns it and the new state."""
        (predicted, _), state = self.step_with_hidden(frame, state)
        return predicted, state

    def step_with_hidden(self, frame, state):
        """Predict as a call does; returns ((the next frame, h), the new state)."""
        hidden, state = self.read(frame, state)
        return (self.predicted(hidden), hidden), state

    def logits_given(self, hidden, frames):
        """Return the logits of frames (B, T, H, W, C) from their h and the true pixels before."""
        flat = [ops.reshape(x, (-1, *x.shape[2:])) for x in (hidden, frames)]
        return ops.reshape(self.decoder(*flat), (-1, *frames.shape[1:]))

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "settings": self.settings}


@keras.saving.register_keras_serializable(package="tfvp")
class VPNPredictor(RecurrentPredictor):
    """A Video Pixel Network, which predicts only the frames after the context.

    In training it predicts the future (B, predict_frames, H, W, C). With `training_frame` "true"
    it reads and sees the truth throughout, whatever the mask says. Otherwise it reads what the mask
    says, and with "zero_and_true" it measures the cross entropy "true_pixels" of a second pass over
    the same h: the sum over the future of a clip, the true pixels before each given.

    >>> sizes = {"channels": 4, "encoder_dilations": (1,), "decoder_blocks": 1, "top": (4,)}
    >>> core = VPN(VPNConfig(**sizes, sampling="zero_frame").settings())
    >>> network = VPNPredictor(core, frame_shape=(8, 8, 1))
    >>> tuple(network.targets(ops.zeros((2, 5, 8, 8, 1)), horizon=2).shape)  # of whole clips
    (2, 2, 8, 8, 1)
    """

    core: VPN

    def targets(self, frames: Tensor, horizon: int) -> Tensor:
        """Return the frames after the context."""
        return frames[:, -horizon:]

    def predict_frames(self, context: Tensor, horizon: int) -> Tensor:
        """See `VideoPredictor`; takes a context of any length."""
        self._check_context(context)
        return self._unrolled(self._fold(context), horizon)[0]

    def predict_next(self, frames: Tensor, context_frames: int) -> Tensor:
        """See `VideoPredictor`; one pass over the true frames."""
        hidden = self._hidden(self._fold(frames), context_frames)
        flat = self.core.predicted(ops.reshape(hidden, (-1, *hidden.shape[2:])))
        return ops.reshape(flat, (-1, hidden.shape[1], *self.frame_shape))

    def predict_with_true_pixels(self, frames: Tensor, context_frames: int) -> Tensor:
        """See `VideoPredictor`."""
        frames = self._fold(frames)
        hidden = self._hidden(frames[:, :-1], context_frames)
        return ops.sigmoid(self.core.logits_given(hidden, frames[:, context_frames:]))

    def counted_prediction(self, context: Tensor, horizon: int) -> Tensor:
        """See `VideoPredictor`; pixel by pixel it costs as much as one pass over each frame."""
        future = ops.zeros((*context.shape[:1], horizon, *self.frame_shape), context.dtype)
        clips = ops.concatenate([context, future], axis=1)
        return self.predict_with_true_pixels(clips, context.shape[1])

    def _trained(
        self, frames: Tensor, mask: Tensor, horizon: int, auxiliary: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        check_shape("teacher_forcing_mask", mask.shape, "B F", F=horizon - 1)
        if self.core.settings["training_frame"] == "true":
            return self.predict_with_true_pixels(frames, frames.shape[1] - horizon), {}
        frames = self._fold(frames)
        context, future = frames[:, :-horizon], frames[:, -horizon:]
        predictions, hidden = self._unrolled(context, horizon, future, ops.cast(mask, frames.dtype))
        if not auxiliary:
            return predictions, {}
        logits = ops.cast(self.core.logits_given(hidden, future), "float32")
        entropies = ops.softplus(logits) - ops.cast(future, "float32") * logits
        return predictions, {"true_pixels": ops.sum(entropies, axis=(1, 2, 3, 4))}

    def _hidden(self, frames: Tensor, context_frames: int) -> Tensor:
        """Return h after `context_frames`, … T frames: (B, …, H, W, channels)."""
        state = self.core.initial_state(ops.shape(frames)[0], self.grid_shape)
        return rollout(self.core.read, state, frames, predict_frames=1)[:, context_frames - 1 :]

    def _unrolled(self, context: Tensor, horizon: int, truth=None, mask=None):
        """Return the future, which reads predictions where the mask gives no truth, and its h."""
        state = self.core.initial_state(ops.shape(context)[0], self.grid_shape)
        state = read_frames(self.core.read, state, context)
        hidden = state[0]
        first = self.core.predicted(hidden)
        if horizon == 1:
            return first[:, None], hidden[:, None]
        read = first[:, None]
        if truth is not None and mask is not None:
            read = mixed(truth[:, 0], first, mask, 0)[:, None]
            read, mask = ops.concatenate([read, truth[:, 1:-1]], axis=1), mask[:, 1:]
        later = rollout(
            self.core.step_with_hidden,
            state,
            read,
            predict_frames=horizon - 1,
            mask=mask,
            feedback=lambda output, state: output[0],
        )
        both = zip((first, hidden), later, strict=True)
        predictions, hidden = (ops.concatenate([x[:, None], y], axis=1) for x, y in both)
        return predictions, hidden

    def long_prediction(
        self, horizon: int, compiled: Callable[[Callable], Callable]
    ) -> tuple[int, Callable[[Tensor, Callable[[], None]], Tensor]] | None:
        """See `VideoPredictor`; in sampling pixel by pixel a part is a row of a frame."""
        if self.core.settings["sampling"] == "zero_frame":
            return None
        core, height = self.core, self.grid_shape[0]

        def begin(context):
            state = core.initial_state(ops.shape(context)[0], self.grid_shape)
            return tuple(read_frames(core.read, state, self._fold(context)))

        read = compiled(lambda both: tuple(core.read(*both)[1]))
        begin, of_past = compiled(begin), compiled(core.decoder.context)
        row = compiled(lambda both: sample_row(core.decoder, *both))

        def predict(context, done):
            state, frames = begin(context), []
            for t in range(horizon):
                if t:
                    state = read((frames[-1], state))
                past, rows = of_past(state[0]), []
                windows = first_windows(core.decoder, past.shape[0], past.shape[2])
                for index in range(height):
                    pixels, windows = row((past[:, index], windows))
                    rows.append(pixels)
                    done()
                frames.append(ops.stack(rows, axis=1))
            return ops.stack(frames, axis=1)

        return horizon * height, predict


def build(model: VPNConfig, data: DataSection) -> VPNPredictor:
    """Build the network of a configuration."""
    return VPNPredictor(VPN(model.settings(), name="core"), data.frame_shape, name="predictor")
