"""Networks that read the whole context before they predict anything."""

from typing import Any

import keras
from keras import ops

from tfvp.layers.patches import unfold_patches
from tfvp.models.base import Core, VideoPredictor
from tfvp.models.rollout import Step, read_frames, unroll
from tfvp.shapes import Tensor


class EncoderDecoderCore(Core):
    """An encoder of frames, and decoders that start from its last state."""

    directions: tuple[str, ...] = ("future",)
    """What its decoders give: "future", "past", or both."""
    conditional: tuple[str, ...] = ()
    """The directions whose decoders read frames."""
    past_reads = "own"
    """What a conditional decoder of the past reads in `reconstruct`: "own" frames or "truth"."""
    first_input = "zeros"
    """What the future's decoder reads first: "zeros", "last" (of the context) or "context"."""

    def initial_state(self, batch_size: Any, frame_shape: tuple[int, int, int]) -> Any:
        """Return the encoder's state before the first frame of (H, W, C)."""
        raise NotImplementedError

    def encode(self, frame: Tensor, state: Any) -> tuple[Any, Any]:
        """Read a frame (B, H, W, C); returns anything, and the state after it."""
        raise NotImplementedError

    def start(self, state: Any, direction: str) -> Any:
        """Return the first state of a direction's decoder, from the encoder's last."""
        raise NotImplementedError

    def decode(self, direction: str) -> Step:
        """Return a direction's decoder: a step (frame, state) -> (prediction, state)."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="tfvp")
class EncoderDecoderPredictor(VideoPredictor):
    """An encoder of the context and decoders that start from its state.

    In training it predicts the future (B, predict_frames, H, W, C), before it the context from its
    last frame to its first where the core reconstructs it. A conditional decoder reads zeros, then
    the frame that the step before was to predict. Of the future that is the truth only where the
    mask (B, predict_frames - 1) says so; of the past it always is. A core without a decoder of the
    future reconstructs alone. The future's decoder may begin
    with the last frame of the context instead of zeros, or with all of the context once more: then
    it is fed that alone, and beyond it the last frame again and again.

    >>> from tfvp.models.simple_lstm.network import SimpleLSTM
    >>> core = SimpleLSTM(encoder=(8, 4), decoder=(8,))
    >>> network = EncoderDecoderPredictor(core, frame_shape=(8, 8, 1))
    >>> tuple(network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2).shape)
    (2, 2, 8, 8, 1)

    Args:
        core: an `EncoderDecoderCore`.
        frame_shape: (H, W, C) of a frame.
        patch_px: patch size: squares of this side are folded into channels; must divide H and W.
    """

    core: EncoderDecoderCore

    def predict_frames(self, context: Tensor, horizon: int) -> Tensor:
        """See `VideoPredictor`; takes a context of any length."""
        self._check_context(context)
        if "future" not in self.core.directions:
            raise ValueError(
                "this network reconstructs its context and predicts no frames after it"
            )
        patches = self._fold(context)
        future = self._unroll("future", self._read(patches), patches, horizon)
        return unfold_patches(future, self.patch_px)

    def reconstruct(self, context: Tensor) -> Tensor:
        """See `VideoPredictor`; its decoder gives the frames from the last to the first."""
        self._check_context(context)
        patches = self._fold(context)
        truth = ops.flip(patches, axis=1) if self.core.past_reads == "truth" else None
        past = self._unroll("past", self._read(patches), patches, patches.shape[1], truth)
        return unfold_patches(ops.flip(past, axis=1), self.patch_px)

    def counted_prediction(self, context: Tensor, horizon: int) -> Tensor:
        """See `VideoPredictor`; the reconstruction where it predicts nothing."""
        if "future" not in self.core.directions:
            return self.reconstruct(context)
        return self.predict_frames(context, horizon)

    @property
    def told_apart(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """See `VideoPredictor`; a reconstruction and a prediction of one network are two curves."""
        return ("reconstruction", "future") if len(self.core.directions) > 1 else ()

    def targets(self, frames: Tensor, horizon: int) -> Tensor:
        """Return the context backwards if it is reconstructed, the future if it is predicted."""
        each = {"past": ops.flip(frames[:, :-horizon], axis=1), "future": frames[:, -horizon:]}
        return ops.concatenate([each[d] for d in self.core.directions], axis=1)

    def _trained(
        self, frames: Tensor, mask: Tensor, horizon: int, auxiliary: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        del auxiliary  # it measures nothing on the way
        if mask.shape[1] != horizon - 1:
            raise ValueError(
                f"teacher_forcing_mask: expected the {horizon - 1} frames before the last of "
                f"{horizon} predicted ones, got {mask.shape[1]}; {type(self.core).__name__} makes "
                "no predictions in the context that could be fed there"
            )
        patches = self._fold(frames)
        context, future = patches[:, :-horizon], patches[:, -horizon:]
        state = self._read(context)
        predictions = []
        if "past" in self.core.directions:
            past = ops.flip(context, axis=1)
            predictions.append(self._unroll("past", state, context, past.shape[1], past))
        if "future" in self.core.directions:
            predictions.append(self._unroll("future", state, context, horizon, future, mask))
        return unfold_patches(ops.concatenate(predictions, axis=1), self.patch_px), {}

    def _read(self, patches: Tensor) -> Any:
        """Return the core's state after the context."""
        state = self.core.initial_state(ops.shape(patches)[0], self.grid_shape)
        return read_frames(self.core.encode, state, patches)

    def _unroll(
        self, direction: str, state: Any, context: Tensor, steps: int, truth=None, mask=None
    ) -> Tensor:
        """Unroll a decoder over so many predictions; it reads what its direction reads."""
        fed = truth if direction in self.core.conditional else None
        begins_with = self.core.first_input if direction == "future" else "zeros"
        first = context[:, -1] if begins_with == "last" else ops.zeros_like(context[:, 0])
        if begins_with == "context":
            again = ops.minimum(ops.arange(steps), ops.shape(context)[1] - 1)
            whole, mask = ops.take(context, again, axis=1), None
            first, fed = whole[:, 0], whole[:, 1:]
        return unroll(
            self.core.decode(direction),
            self.core.start(state, direction),
            first,
            steps=steps,
            truth=fed,
            mask=mask,
        )

    @classmethod
    def from_config(cls, config):
        """Rebuild from `get_config`, or from what the first release wrote."""
        return super().from_config({k: v for k, v in config.items() if k != "late_feedback"})
