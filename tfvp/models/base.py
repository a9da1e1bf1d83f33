"""What every network is: a context of frames in, the next frames out.

The protocol on which training, evaluation, inference, export and import rely. A network is a core,
which holds all weights, in a predictor of one of three families, which hands frames to it:

| family | its core | example |
|---|---|---|
| `recurrent.RecurrentPredictor` | reads a frame, predicts the next | E3D-LSTM |
| `encoder_decoder.EncoderDecoderPredictor` | reads the context, then predicts | FC-LSTM |
| `clip.ClipPredictor` | maps a whole context to the frames after it | TAU |
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from tfvp.layers.patches import fold_patches
from tfvp.models.core import Core
from tfvp.porting.program import Program
from tfvp.shapes import Tensor, check_shape


class TrainingOutputs(NamedTuple):
    """What a network gives for a batch in training."""

    predictions: Tensor  # (B, P, H, W, C), as the network gives them; may leave [0, 1] a little
    targets: Tensor  # (B, P, H, W, C) in [0, 1], the true frames in the same order
    auxiliary: dict[str, Tensor]  # name -> (B,), or (B, P) of each prediction, see `Loss`


class VideoPredictor(keras.Model):
    """A network that predicts the next frames of clips; one of its families is what is built.

    Args:
        core: the layer that holds all weights.
        frame_shape: (H, W, C) of a frame.
        patch_px: patch size: squares of this side are folded into channels; must divide H and W.
        horizon: frames that it predicts where it is called on a context alone.
    """

    def __init__(
        self,
        core: Core,
        frame_shape: tuple[int, int, int],
        patch_px: int = 1,
        *,
        horizon: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.core = core
        self.frame_shape = tuple(frame_shape)
        self.patch_px = patch_px
        self.horizon = horizon
        height, width, channels = self.frame_shape
        self.grid_shape = (height // patch_px, width // patch_px, channels * patch_px**2)
        if not self.core.built:  # a core that Keras deserialised comes built
            self.core.build(self._core_shape())
        self.built = True

    def _core_shape(self) -> tuple[int | None, ...]:
        """Return the shape that the core is built for."""
        return (None, *self.grid_shape)

    # --- prediction ---

    @property
    def context_frames(self) -> int | None:
        """Return the one number of context frames that it takes; None: any."""
        return None

    def predict_frames(self, context: Tensor, horizon: int) -> Tensor:
        """Predict the frames after a context.

        Args:
            context: (B, T, H, W, C), float in [0, 1].
            horizon: frames to predict, at least 1.

        Returns:
            (B, horizon, H, W, C), as the network gives them; they may leave [0, 1] a little.

        Raises:
            ValueError: frames of another shape, or a context of a length that it does not take.
        """
        raise NotImplementedError

    def predict_next(self, frames: Tensor, context_frames: int) -> Tensor:
        """Predict the frame after the context, then after one true frame more, and so on.

        Args:
            frames: (B, T, H, W, C) in [0, 1], the context and true frames after it; T is known.
            context_frames: frames before the first prediction, 1 … T.

        Returns:
            The frames after `context_frames`, context_frames + 1, … T given ones:
            (B, T - context_frames + 1, H, W, C).
        """
        ends = range(context_frames, frames.shape[1] + 1)
        each = [self.predict_frames(self._seen(frames, n), 1) for n in ends]
        return ops.concatenate(each, axis=1)

    def predict_with_true_pixels(self, frames: Tensor, context_frames: int) -> Tensor:
        """Predict each pixel after the context from all true frames and true pixels before it.

        Only networks whose section says `measured_with_true_pixels` do.

        Args:
            frames: (B, T, H, W, C) in [0, 1]; T is known.
            context_frames: frames before the first prediction, 1 … T - 1.

        Returns:
            (B, T - context_frames, H, W, C).
        """
        raise NotImplementedError

    def reconstruct(self, context: Tensor) -> Tensor:
        """Give a context (B, T, H, W, C) back, in its order; only where its `tasks` say so."""
        raise NotImplementedError

    def counted_prediction(self, context: Tensor, horizon: int) -> Tensor:
        """Run what has the operations of `predict_frames`; its result is only counted."""
        return self.predict_frames(context, horizon)

    def long_prediction(
        self, horizon: int, compiled: Callable[[Callable], Callable]
    ) -> tuple[int, Callable[[Tensor, Callable[[], None]], Tensor]] | None:
        """Return how to predict in parts, so that progress can be shown; None: at once.

        Args:
            horizon: frames to predict.
            compiled: compiles a function of one structure of tensors.

        Returns:
            How many parts there are, and (context, what is called after each) -> predictions.
        """
        del horizon, compiled
        return None

    def _seen(self, frames: Tensor, count: int) -> Tensor:
        """Return what is read of the first `count` frames."""
        return frames[:, :count]

    def drawings(self) -> Callable[[Any, Any], dict[str, Any]] | None:
        """Return what draws how each frame was made of the one before; None: nothing does.

        The function takes a context (Tc, H, W, C) and its prediction (Tp, H, W, C), NumPy in
        [0, 1], and returns arrays by the name that a picture's row gets: pictures (Tp, H, W, 1 or
        3) in [0, 1], e.g. masks; or a flow (Tp, H, W, 2) in pixels, rows and columns: what is at a
        place of a predicted frame comes from the place plus the flow in the frame before.
        """
        return None

    # --- training ---

    told_apart: tuple[str, ...] = ()
    """What logs call the trained frames of the context and of the future, where it has both."""

    def training_outputs(
        self, batch: dict[str, Tensor], horizon: int, *, auxiliary: bool = False, training=True
    ) -> TrainingOutputs:
        """Predict what is trained of a batch.

        Args:
            batch: {"frames": (B, T, H, W, C) in [0, 1], "teacher_forcing_mask": (B, F)}; the mask
                is 1 where the true frame is fed, for the F frames before the last.
            horizon: frames of the clip that are the future.
            auxiliary: also measure the auxiliary losses, where the network has any.
            training: whether layers act as in training: batch statistics, dropout.

        Raises:
            ValueError: frames or mask have another shape than the network takes.
        """
        outputs = self(batch, horizon=horizon, auxiliary=auxiliary, training=training)
        predictions, measured = outputs if auxiliary else (outputs, {})
        return TrainingOutputs(predictions, self.targets(batch["frames"], horizon), measured)

    def targets(self, frames: Tensor, horizon: int) -> Tensor:
        """Return those frames of (B, T, H, W, C) that a call predicts, in its order: (B, P, …)."""
        raise NotImplementedError

    def call(
        self,
        inputs: Tensor | dict[str, Tensor],
        horizon: int | None = None,
        auxiliary: bool = False,
        training: bool | None = None,
    ):
        """Predict the frames after a context, or what `targets` gives of a batch.

        Args:
            inputs: a context as `predict_frames` takes it, or a batch of `training_outputs`.
            horizon: frames that are the future; None: `self.horizon` of them after a context, and
                one more than the mask has in a batch.
            auxiliary: also return the auxiliary losses of a batch.
            training: whether layers act as in training.

        Returns:
            The predictions; with `auxiliary` them and the auxiliary losses.
        """
        del training  # Keras hands it to every layer inside
        if not isinstance(inputs, dict):
            return self.predict_frames(inputs, horizon or self.horizon)
        frames, mask = inputs["frames"], inputs["teacher_forcing_mask"]
        self._check_context(frames, "frames")
        check_shape("teacher_forcing_mask", mask.shape, "B F")
        future = mask.shape[1] + 1 if horizon is None else horizon
        predictions, measured = self._trained(frames, mask, future, auxiliary)
        return (predictions, measured) if auxiliary else predictions

    def _trained(
        self, frames: Tensor, mask: Tensor, horizon: int, auxiliary: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return predictions and auxiliary losses, see `training_outputs`."""
        raise NotImplementedError

    def decoder_layers(self) -> list[keras.layers.Layer]:
        """Return the layers that make frames: what `training.freeze_decoder` leaves as it is."""
        return self.core.decoder_layers()

    def programs(self) -> dict[str, Program]:
        """Return the other programs whose weights it can take, see `Core.programs`."""
        return self.core.programs()

    # --- what the families share ---

    def _check_context(self, context: Tensor, name: str = "context") -> None:
        height, width, channels = self.frame_shape
        check_shape(name, context.shape, f"B T {height} {width} {channels}")

    def _fold(self, frames: Tensor) -> Tensor:
        """Fold frames into patches: (B, T, H, W, C) -> (B, T, *grid_shape)."""
        return fold_patches(ops.cast(frames, self.compute_dtype), self.patch_px)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "core": keras.saving.serialize_keras_object(self.core),
            "frame_shape": self.frame_shape,
            "patch_px": self.patch_px,
            "horizon": self.horizon,
        }

    @classmethod
    def from_config(cls, config):
        """Rebuild from `get_config`."""
        core = keras.saving.deserialize_keras_object(config.pop("core"))
        return cls(core=core, **config)
