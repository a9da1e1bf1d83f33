"""TAU: temporal attention units between SimVP's encoder and decoder, and their auxiliary loss."""

from typing import Any

import keras
from keras import ops

from tfvp.layers.attention_translator import AttentionTranslator
from tfvp.models.clip import ClipPredictor
from tfvp.models.simvp.core import TranslatorCore
from tfvp.models.tau.config import LEAST_FRAMES, TAUConfig
from tfvp.sections import DataSection
from tfvp.shapes import Tensor

TEMPERATURE, EPSILON = 0.1, 1e-12


@keras.saving.register_keras_serializable(package="tfvp")
class TAU(TranslatorCore):
    """TAU's core for `ClipPredictor`, Tan et al. 2023 (arXiv:2206.12126) as OpenSTL has it.

    SimVP with temporal attention units, see `GatedAttention`, and an auxiliary loss `ddr`, the
    `differential_divergence` of its predictions.

    >>> core = TAU(3, hidden=4, stages=2, translator_hidden=8, blocks=2)
    >>> network = ClipPredictor(core, frame_shape=(8, 8, 1))
    >>> tuple(network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=3).shape)
    (2, 3, 8, 8, 1)

    Args:
        context_frames, hidden, stages, kernels: see `TranslatorCore`.
        translator_hidden: channels inside the translator.
        blocks: of the translator.
        mlp_ratio, drop_path: see `AttentionTranslator`.
    """

    def __init__(
        self,
        context_frames: int,
        hidden: int,
        stages: int,
        translator_hidden: int,
        blocks: int,
        *,
        mlp_ratio: float = 8.0,
        drop_path: float | None = 0.0,
        **kwargs: Any,
    ):
        super().__init__(context_frames, hidden, stages, **kwargs)
        self.translator_hidden = translator_hidden
        self.blocks = blocks
        self.mlp_ratio = mlp_ratio
        self.drop_path = drop_path

    def make_translator(self, **settings: Any) -> keras.layers.Layer:
        """See `TranslatorCore`."""
        return AttentionTranslator(
            self.translator_hidden,
            self.blocks,
            "temporal",
            mlp_ratio=self.mlp_ratio,
            drop_path=self.drop_path,
            **settings,
        )

    def auxiliary_losses(self, predictions: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """See `ClipCore`."""
        return {"ddr": differential_divergence(predictions, targets)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "translator_hidden": self.translator_hidden,
            "blocks": self.blocks,
            "mlp_ratio": self.mlp_ratio,
            "drop_path": self.drop_path,
        }


def differential_divergence(predictions: Tensor, targets: Tensor) -> Tensor:
    """Measure how far the predicted changes from frame to frame are from the true ones.

        p_t = softmax((ŷ_t+1 - ŷ_t) / 0.1)   q_t = softmax((y_t+1 - y_t) / 0.1)
        DDR = mean over t and all values of a frame of p log(p / (q + 1e-12) + 1e-12)

    The softmax is over all values of a frame. The paper sums p log(p / q); its program takes the
    mean, which is smaller by the number of values, and weighs it by the paper's 0.1. It is blind to
    an error that stays the same from frame to frame, and 0 for fewer than three frames. Computed in
    float32.

    Args:
        predictions: (B, P, H, W, C), as the network gives them.
        targets: (B, P, H, W, C) in [0, 1].

    Returns:
        (B,).

    >>> truth = ops.reshape(ops.arange(12.0) / 12, (1, 3, 2, 2, 1))
    >>> round(abs(float(differential_divergence(truth + 0.25, truth)[0])), 4)  # the same changes
    0.0
    """
    length = predictions.shape[1]
    if length < LEAST_FRAMES:
        return ops.zeros((ops.shape(predictions)[0],))

    def changes(frames: Tensor) -> Tensor:
        frames = ops.cast(frames, "float32")
        values = frames.shape[2] * frames.shape[3] * frames.shape[4]
        change = ops.reshape(frames[:, 1:] - frames[:, :-1], (-1, length - 1, values))
        return ops.softmax(change / TEMPERATURE, axis=-1)

    p, q = changes(predictions), changes(targets)
    return ops.mean(p * ops.log(p / (q + EPSILON) + EPSILON), axis=(1, 2))


def build(model: TAUConfig, data: DataSection) -> ClipPredictor:
    """Build the network of a configuration."""
    core = TAU(data.context_frames, **model.arguments(), name="core")
    return ClipPredictor(core, data.frame_shape, name="predictor")
