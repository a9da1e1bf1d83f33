"""Networks that map a whole context to the frames after it, without a loop over time."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from tfvp.layers.patches import unfold_patches
from tfvp.models.base import Core, VideoPredictor
from tfvp.shapes import Tensor, check_shape


class ClipCore(Core):
    """A layer `call(context (B, T, H, W, C)) -> (B, T, H, W, C)`, the frames after the context.

    Args:
        context_frames: T, which its weights belong to.
    """

    def __init__(self, context_frames: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.context_frames = context_frames

    def auxiliary_losses(self, predictions: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Measure what the network wants small beside the error, if anything.

        Args:
            predictions: (B, P, H, W, C), as the network gives them.
            targets: (B, P, H, W, C) in [0, 1], the true frames.

        Returns:
            Name -> (B,).
        """
        del predictions, targets
        return {}

    has_drawings = False
    """Whether `drawn` is there."""

    def drawn(self, frames: Any) -> dict[str, Any]:
        """Return what `VideoPredictor.drawings` gives of every frame (T, H, W, C) but the first."""
        raise NotImplementedError

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "context_frames": self.context_frames}


@keras.saving.register_keras_serializable(package="tfvp")
class ClipPredictor(VideoPredictor):
    """A network that reads a context of one length and gives as many frames after it at once.

    A shorter horizon is the first of these frames. For a longer one the outputs are fed back as the
    next context, with gradients through all passes in training, where the mask is not looked at.

    >>> from tfvp.models.tau.network import TAU
    >>> core = TAU(3, hidden=4, stages=2, translator_hidden=8, blocks=2)
    >>> network = ClipPredictor(core, frame_shape=(8, 8, 1))
    >>> tuple(network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=5).shape)  # two passes
    (2, 5, 8, 8, 1)

    Args:
        core: a `ClipCore`.
        frame_shape: (H, W, C) of a frame.
        patch_px: patch size: squares of this side are folded into channels; must divide H and W.
    """

    core: ClipCore

    def _core_shape(self) -> tuple[int | None, ...]:
        return (None, self.core.context_frames, *self.grid_shape)

    @property
    def context_frames(self) -> int | None:
        """Return the length of the context that its weights belong to."""
        return self.core.context_frames

    def predict_frames(self, context: Tensor, horizon: int) -> Tensor:
        """See `VideoPredictor`."""
        self._check_context(context)
        length = self.core.context_frames
        hint = f"this network was built for {length} context frames and takes no others"
        check_shape("context", context.shape, "B T H W C", hint=hint, T=length)
        predictions, seen = [], self._fold(context)
        for _ in range(-(-horizon // length)):
            seen = self.core(seen)
            predictions.append(seen)
        return unfold_patches(ops.concatenate(predictions, axis=1)[:, :horizon], self.patch_px)

    def drawings(self) -> Callable[[Any, Any], dict[str, Any]] | None:
        """See `VideoPredictor`; a network that reads patches has none."""
        return self._drawings if self.core.has_drawings and self.patch_px == 1 else None

    def _drawings(self, context: Any, prediction: Any) -> dict[str, Any]:
        return self.core.drawn(np.concatenate([context[-1:], prediction]).astype(np.float32))

    def _seen(self, frames: Tensor, count: int) -> Tensor:
        return frames[:, count - self.core.context_frames : count]

    def targets(self, frames: Tensor, horizon: int) -> Tensor:
        """Return the future."""
        return frames[:, -horizon:]

    def _trained(
        self, frames: Tensor, mask: Tensor, horizon: int, auxiliary: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        del mask
        predictions = self.predict_frames(frames[:, :-horizon], horizon)
        if not auxiliary:
            return predictions, {}
        return predictions, self.core.auxiliary_losses(predictions, self.targets(frames, horizon))
