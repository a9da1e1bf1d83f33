"""SimVP: from a clip to the next one by convolutions alone."""

from typing import Any

import keras

from tfvp.layers.attention_translator import AttentionTranslator
from tfvp.layers.inception_translator import InceptionTranslator
from tfvp.models.clip import ClipPredictor
from tfvp.models.simvp.config import SimVPConfig
from tfvp.models.simvp.core import TranslatorCore
from tfvp.sections import DataSection


@keras.saving.register_keras_serializable(package="tfvp")
class SimVP(TranslatorCore):
    """SimVP's core for `ClipPredictor`, as OpenSTL has it.

    Its translator is that of the first SimVP (Gao et al. 2022, arXiv:2206.05099), see
    `InceptionTranslator`, or of the second (Tan et al. 2022, arXiv:2211.12509), gated
    spatiotemporal attention, see `AttentionTranslator`.

    >>> core = SimVP(3, hidden=4, stages=2, translator_hidden=8, blocks=2, unit="gsta")
    >>> network = ClipPredictor(core, frame_shape=(8, 8, 1))
    >>> tuple(network.predict_frames(keras.ops.zeros((2, 3, 8, 8, 1)), horizon=2).shape)
    (2, 2, 8, 8, 1)

    Args:
        context_frames, hidden, stages, kernels: see `TranslatorCore`.
        translator_hidden: channels inside the translator.
        blocks: of the translator.
        unit: inception or gsta.
        mlp_ratio, drop_path: of gsta, see `AttentionTranslator`.
    """

    def __init__(
        self,
        context_frames: int,
        hidden: int,
        stages: int,
        translator_hidden: int,
        blocks: int,
        *,
        unit: str,
        mlp_ratio: float = 8.0,
        drop_path: float | None = 0.0,
        **kwargs: Any,
    ):
        super().__init__(context_frames, hidden, stages, **kwargs)
        self.translator_hidden = translator_hidden
        self.blocks = blocks
        self.unit = unit
        self.mlp_ratio = mlp_ratio
        self.drop_path = drop_path

    def make_translator(self, **settings: Any) -> keras.layers.Layer:
        """See `TranslatorCore`."""
        if self.unit == "inception":
            return InceptionTranslator(self.translator_hidden, self.blocks, **settings)
        return AttentionTranslator(
            self.translator_hidden,
            self.blocks,
            "spatial",
            mlp_ratio=self.mlp_ratio,
            drop_path=self.drop_path,
            **settings,
        )

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "translator_hidden": self.translator_hidden,
            "blocks": self.blocks,
            "unit": self.unit,
            "mlp_ratio": self.mlp_ratio,
            "drop_path": self.drop_path,
        }


def build(model: SimVPConfig, data: DataSection) -> ClipPredictor:
    """Build the network of a configuration."""
    core = SimVP(data.context_frames, **model.arguments(), unit=model.unit, name="core")
    return ClipPredictor(core, data.frame_shape, name="predictor")
