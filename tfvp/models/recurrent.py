"""The model users hold, frames in and next frames out: patches and rollout around a core."""

import keras
from keras import ops

from tfvp.layers.patches import fold_patches, unfold_patches
from tfvp.models.rollout import newest, rollout, rollout_any_length
from tfvp.shapes import check_shape


@keras.saving.register_keras_serializable(package="tfvp")
class FramePredictor(keras.Model):
    """A recurrent network on patches of frames.

    Called with {"frames": (B, T, H, W, C), "use_truth": (B, F)} it returns the prediction of every
    frame but the first, (B, T - 1, H, W, C), for training. `use_truth` is about the F frames before
    the last: F = predict_frames - 1 in scheduled sampling; F = T - 2, all but the first, in reverse
    scheduled sampling, which may feed predictions in the context too. `predict_frames` predicts the
    future of a context alone. Frames are float in [0, 1]; predictions are as the network gives them
    and may leave [0, 1] a little.

    Args:
        core: a layer with one step of time, (frame, state) -> (next frame, state), and
            `initial_state(batch_size, frame_shape)`; e.g. `EideticStack`.
        frame_shape: (H, W, C) of a frame.
        patch_px: side of the squares folded into channels; must divide H and W.
        late_feedback: where no true frame is given, feed what `core.late_prediction` gives instead
            of the newest prediction, see `PredNet`.
    """

    def __init__(
        self,
        core,
        frame_shape: tuple[int, int, int],
        patch_px: int = 1,
        *,
        late_feedback: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.core = core
        self.frame_shape = tuple(frame_shape)
        self.patch_px = patch_px
        self.late_feedback = late_feedback
        height, width, channels = self.frame_shape
        self.grid_shape = (height // patch_px, width // patch_px, channels * patch_px**2)
        if not self.core.built:  # a core that Keras deserialised comes built
            self.core.build((None, *self.grid_shape))
        self.built = True

    def call(self, inputs, training=None):
        """Predict frames 1 ... T - 1 of whole clips, see the class."""
        del training
        frames, use_truth = self._checked(inputs)
        return self._predictions(frames[:, :-1], use_truth.shape[1] + 1, use_truth)

    def targets(self, frames, horizon: int):
        """What of `frames` (B, T, H, W, C) a call predicts: all but the first frame."""
        del horizon
        return frames[:, 1:]

    def with_own_loss(self, inputs):
        """As a call, and what the network itself wants small, (B,); `core.with_own_loss` says what.

        Only of cores that have one: `PredNet`, `SpatioTemporal`, and `PredRNN` with `decouple`.
        """
        patches, state = self._start(inputs["frames"])
        use_truth = ops.cast(inputs["use_truth"], patches.dtype)
        predictions, own = self.core.with_own_loss(state, patches, use_truth, self._feedback)
        return unfold_patches(predictions, self.patch_px), own

    def predict_frames(self, context, horizon: int):
        """Predict `horizon` frames after `context` (B, T, H, W, C) -> (B, horizon, H, W, C)."""
        self._check_context(context)
        if context.shape[1] is not None:
            return self._predictions(context, horizon)[:, -horizon:]
        patches, state = self._start(context)
        future = rollout_any_length(
            self.core, state, patches, predict_frames=horizon, feedback=self._feedback
        )
        return unfold_patches(future, self.patch_px)

    def _checked(self, inputs):
        frames, use_truth = inputs["frames"], inputs["use_truth"]
        height, width, channels = self.frame_shape
        check_shape("frames", frames.shape, f"B T {height} {width} {channels}")
        check_shape("use_truth", use_truth.shape, "B F")
        return frames, use_truth

    def _check_context(self, context) -> None:
        height, width, channels = self.frame_shape
        check_shape("context", context.shape, f"B T {height} {width} {channels}")

    def _predictions(self, frames, horizon: int, use_truth=None):
        patches, state = self._start(frames)
        predictions = rollout(
            self.core,
            state,
            patches,
            predict_frames=horizon,
            use_truth=use_truth,
            feedback=self._feedback,
        )
        return unfold_patches(predictions, self.patch_px)

    @property
    def _feedback(self):
        return self.core.late_prediction if self.late_feedback else newest

    def _start(self, frames):
        """Patches of the frames, and the core's state before the first."""
        state = self.core.initial_state(ops.shape(frames)[0], self.grid_shape)
        return self._fold(frames), state

    def _fold(self, frames):
        return fold_patches(ops.cast(frames, self.compute_dtype), self.patch_px)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "core": keras.saving.serialize_keras_object(self.core),
            "frame_shape": self.frame_shape,
            "patch_px": self.patch_px,
            "late_feedback": self.late_feedback,
        }

    @classmethod
    def from_config(cls, config):
        """Rebuild from `get_config`."""
        core = keras.saving.deserialize_keras_object(config.pop("core"))
        return cls(core=core, **config)
