"""The model users hold around a core that reads the whole context before it predicts anything."""

import keras
from keras import ops

from tfvp.layers.patches import unfold_patches
from tfvp.models.recurrent import FramePredictor
from tfvp.models.rollout import read_frames, unroll


@keras.saving.register_keras_serializable(package="tfvp")
class EncoderDecoderPredictor(FramePredictor):
    """An encoder of the context and decoders that start from its state.

    Called with {"frames": (B, T, H, W, C), "use_truth": (B, predict_frames - 1)} it returns what is
    trained: the predicted future (B, predict_frames, H, W, C), before it the context from its last
    frame to its first where the core reconstructs it; `targets` gives the frames to compare with.
    A conditional decoder reads zeros, then the frame that the step before was to predict. Of the
    future that is the truth only where `use_truth` says so; of the past it always is. The future's
    decoder may open with the last frame of the context instead of zeros, or with all of the context
    once more: then it is fed that alone, and beyond it the last frame again and again.

    Args:
        core: a layer with `encode(frame, state)` -> (anything, state), `initial_state(batch_size,
            frame_shape)`, `start(state, direction)` -> a decoder's state, `decode(direction)` -> a
            step (frame, state) -> (prediction, state), `directions` ("future", perhaps after
            "past"), `conditional` (the directions whose decoders read frames) and `opening`
            ("zeros", "last" or "context": what the future's decoder reads first).
        frame_shape: (H, W, C) of a frame.
        patch_px: side of the squares folded into channels; must divide H and W.
    """

    def targets(self, frames, horizon: int):
        """The frames that a call predicts, in its order."""
        future = frames[:, -horizon:]
        if "past" not in self.core.directions:
            return future
        return ops.concatenate([ops.flip(frames[:, :-horizon], axis=1), future], axis=1)

    def call(self, inputs, training=None):
        """Predict what `targets` gives, see the class."""
        del training
        frames, use_truth = self._checked(inputs)
        horizon = use_truth.shape[1] + 1
        patches = self._fold(frames)
        context, future = patches[:, :-horizon], patches[:, -horizon:]
        state = self._read(context)
        predictions = []
        if "past" in self.core.directions:
            past = ops.flip(context, axis=1)
            predictions.append(self._unroll("past", state, context, past.shape[1], past))
        predictions.append(self._unroll("future", state, context, horizon, future, use_truth))
        return unfold_patches(ops.concatenate(predictions, axis=1), self.patch_px)

    def predict_frames(self, context, horizon: int):
        """Predict `horizon` frames after `context` (B, T, H, W, C) -> (B, horizon, H, W, C)."""
        self._check_context(context)
        patches = self._fold(context)
        future = self._unroll("future", self._read(patches), patches, horizon)
        return unfold_patches(future, self.patch_px)

    def _read(self, patches):
        """The core's state after the context."""
        state = self.core.initial_state(ops.shape(patches)[0], self.grid_shape)
        return read_frames(self.core.encode, state, patches)

    def _unroll(self, direction: str, state, context, steps: int, truth=None, use_truth=None):
        """So many predictions of a decoder; it reads what its direction reads."""
        fed = truth if direction in self.core.conditional else None
        opening = self.core.opening if direction == "future" else "zeros"
        first = context[:, -1] if opening == "last" else ops.zeros_like(context[:, 0])
        if opening == "context":
            again = ops.minimum(ops.arange(steps), ops.shape(context)[1] - 1)
            whole, use_truth = ops.take(context, again, axis=1), None
            first, fed = whole[:, 0], whole[:, 1:]
        return unroll(
            self.core.decode(direction),
            self.core.start(state, direction),
            first,
            steps=steps,
            truth=fed,
            use_truth=use_truth,
        )
