"""Networks with one step of time: they read a frame and predict the next."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from tfvp.layers.patches import unfold_patches
from tfvp.models.base import Core, VideoPredictor
from tfvp.models.rollout import Feedback, newest, rollout, rollout_any_length
from tfvp.shapes import Tensor


class RecurrentCore(Core):
    """One step of time, `call(frame (B, H, W, C), state) -> (next frame, state)`."""

    has_flow = False
    """Whether `flow_step` is there."""

    @property
    def has_drawings(self) -> bool:
        """Return whether it has a `drawn_step`."""
        return self.has_flow

    def initial_state(self, batch_size: Any, frame_shape: tuple[int, int, int]) -> Any:
        """Return the state before the first frame of (H, W, C): a structure of tensors (B, …)."""
        raise NotImplementedError

    def late_prediction(self, output: Tensor, state: Any) -> Tensor:
        """Return a frame to feed instead of the newest prediction, see `RecurrentPredictor`."""
        raise NotImplementedError

    def rollout_with_auxiliary(
        self, state: Any, frames: Tensor, mask: Tensor, feedback: Feedback
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Predict whole clips and measure the auxiliary losses on the way.

        Args:
            state: before the first frame.
            frames: (B, T, H, W, C), whole clips.
            mask: (B, F), as for `rollout`.
            feedback: of the frame alone.

        Returns:
            Predictions of frames 1 … T - 1, (B, T - 1, H, W, C), and name -> (B,), or (B, T - 1)
            where it belongs to single predictions.
        """
        raise NotImplementedError

    def flow_step(self, frame: Tensor, state: Any) -> tuple[Tensor, Tensor, Any]:
        """Take the step of `call`; also return the flow (B, h, w, 2) in pixels of its own map."""
        raise NotImplementedError

    def drawn_step(self, frame: Tensor, state: Any) -> tuple[Tensor, dict[str, Tensor], Any]:
        """Take the step of `call`; also return what is drawn, by name: (B, h, w, 1, 2 or 3)."""
        predicted, flow, state = self.flow_step(frame, state)
        return predicted, {"flow": flow}, state


@keras.saving.register_keras_serializable(package="tfvp", name="FramePredictor")
class RecurrentPredictor(VideoPredictor):
    """A recurrent network on patches of frames, with one loop over time.

    In training it predicts every frame but the first. The mask is about the F frames before the
    last: F = predict_frames - 1 in scheduled sampling; F = T - 2, all but the first, in reverse
    scheduled sampling, which may feed predictions in the context too.

    >>> from tfvp import build_model, load_config
    >>> network = build_model(load_config("predrnn", preset="quick"))
    >>> network.predict_frames(np.zeros((2, 5, 32, 32, 1), "float32"), horizon=3).shape
    TensorShape([2, 3, 32, 32, 1])

    Args:
        core: a `RecurrentCore`, e.g. `EideticStack`.
        frame_shape: (H, W, C) of a frame.
        patch_px: patch size: squares of this side are folded into channels; must divide H and W.
        late_feedback: where no true frame is given, feed what `core.late_prediction` gives instead
            of the newest prediction, see `PredNet`.
    """

    core: RecurrentCore

    def __init__(
        self,
        core: RecurrentCore,
        frame_shape: tuple[int, int, int],
        patch_px: int = 1,
        *,
        late_feedback: bool = False,
        **kwargs: Any,
    ):
        super().__init__(core, frame_shape, patch_px, **kwargs)
        self.late_feedback = late_feedback

    def predict_frames(self, context: Tensor, horizon: int) -> Tensor:
        """See `VideoPredictor`; takes a context of any length."""
        self._check_context(context)
        patches, state = self._start(context)
        if context.shape[1] is None:
            future = rollout_any_length(
                self.core, state, patches, predict_frames=horizon, feedback=self._feedback
            )
            return unfold_patches(future, self.patch_px)
        predictions = rollout(
            self.core, state, patches, predict_frames=horizon, feedback=self._feedback
        )
        return unfold_patches(predictions, self.patch_px)[:, -horizon:]

    def predict_next(self, frames: Tensor, context_frames: int) -> Tensor:
        """See `VideoPredictor`; one pass, which reads the truth throughout."""
        steps = frames.shape[1] - context_frames + 1
        clips = ops.concatenate([frames, frames[:, -1:]], axis=1)  # a call reads not the last one
        mask = ops.ones((ops.shape(frames)[0], steps - 1), frames.dtype)
        return self({"frames": clips, "teacher_forcing_mask": mask})[:, -steps:]

    def targets(self, frames: Tensor, horizon: int) -> Tensor:
        """Return all frames but the first."""
        del horizon
        return frames[:, 1:]

    def _trained(
        self, frames: Tensor, mask: Tensor, horizon: int, auxiliary: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        del horizon  # it predicts in the context as in the future
        patches, state = self._start(frames)
        if auxiliary:
            predictions, measured = self.core.rollout_with_auxiliary(
                state, patches, ops.cast(mask, patches.dtype), self._feedback
            )
            return unfold_patches(predictions, self.patch_px), measured
        predictions = rollout(
            self.core,
            state,
            patches[:, :-1],
            predict_frames=mask.shape[1] + 1,
            mask=mask,
            feedback=self._feedback,
        )
        return unfold_patches(predictions, self.patch_px), {}

    @property
    def _feedback(self) -> Feedback:
        return self.core.late_prediction if self.late_feedback else newest

    def _start(self, frames: Tensor) -> tuple[Tensor, Any]:
        """Return patches of the frames, and the core's state before the first."""
        state = self.core.initial_state(ops.shape(frames)[0], self.grid_shape)
        return self._fold(frames), state

    def drawings(self) -> Callable[[Any, Any], dict[str, Any]] | None:
        """See `VideoPredictor`; a network that reads patches has none."""
        return self._drawings if self.core.has_drawings and self.patch_px == 1 else None

    def _drawings(self, context: Any, prediction: Any) -> dict[str, Any]:
        context, prediction = np.asarray(context), np.asarray(prediction)
        frames = np.concatenate([context, prediction[:-1]]).astype(np.float32)
        state, steps = self.core.initial_state(1, frames.shape[1:]), []
        for frame in frames:
            _, drawn, state = self.core.drawn_step(ops.convert_to_tensor(frame[None]), state)
            steps.append({name: _in_pixels(map_, len(frame)) for name, map_ in drawn.items()})
        future = steps[-len(prediction) :]
        return {name: np.concatenate([step[name] for step in future]) for name in future[0]}

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "late_feedback": self.late_feedback}


def _in_pixels(drawn: Any, rows: int) -> Any:
    """Enlarge a map (1, h, w, C) to a frame of so many rows; a flow grows with its map."""
    values = np.asarray(ops.convert_to_numpy(drawn), np.float32)
    zoom = rows // values.shape[1]
    values = values * zoom if values.shape[-1] == 2 else values
    return values.repeat(zoom, axis=1).repeat(zoom, axis=2)
