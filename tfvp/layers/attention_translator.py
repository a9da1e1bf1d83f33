"""A chain of attention blocks on maps whose channels hold the time of a clip: gSTA and TAU."""

from typing import Any

import keras
import numpy as np

from tfvp.layers.batch_norm import BatchNorm
from tfvp.layers.drop_path import DropPath
from tfvp.layers.gated_attention import FAR, GatedAttention, MixMLP
from tfvp.layers.torch_convolutions import convolution

FIRST_SCALE = 1e-2  # what a residual branch is multiplied by before training


class AttentionBlock(keras.layers.Layer):
    """Add attention, then an MLP, to its input; in training each is left out at random.

        x ← x + drop(γ1 ∘ attention(BN(x)))      x ← x + drop(γ2 ∘ MLP(BN(x)))

    x (B, H, W, C), any range -> (B, H, W, C). BN is `BatchNorm`, γ1 and γ2 have a value a channel.

    >>> block = AttentionBlock("spatial", mlp_ratio=2.0, drop_path=0.0)
    >>> tuple(block(keras.ops.ones((2, 4, 4, 8))).shape)
    (2, 4, 4, 8)

    Args:
        gate: spatial or temporal, see `GatedAttention`.
        mlp_ratio: see `MixMLP`.
        drop_path: probability that a clip goes without a branch in training.
        activation, far: see `GatedAttention`.
    """

    def __init__(
        self,
        gate: str,
        mlp_ratio: float,
        drop_path: float,
        activation: str = "gelu",
        far: int = FAR,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.norms = [BatchNorm(dtype=policy, name=f"norm{i}") for i in (1, 2)]
        self.attention = GatedAttention(gate, activation, far, dtype=policy, name="attention")
        self.mlp = MixMLP(mlp_ratio, dtype=policy, name="mlp")
        self.drop = DropPath(drop_path, dtype=policy) if drop_path > 0 else None

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        for layer in (*self.norms, self.attention, self.mlp):
            layer.build(input_shape)
        self.scales = [
            self.add_weight(
                name=f"scale{i}",
                shape=(input_shape[-1],),
                initializer=keras.initializers.Constant(FIRST_SCALE),
            )
            for i in (1, 2)
        ]
        self.built = True

    def call(self, x):
        """Map x (B, H, W, C)."""
        for norm, branch, scale in zip(
            self.norms, (self.attention, self.mlp), self.scales, strict=True
        ):
            y = scale * branch(norm(x))
            x = x + (self.drop(y) if self.drop else y)
        return x


class AttentionTranslator(keras.layers.Layer):
    """Run a chain of attention blocks; the first has the input's channels, the others `hidden`.

    A 1x1 convolution after the first block, and one after the last, go from one width to the other,
    where they differ. Clips are dropped more often the deeper a block: from 0.01 in the first one
    evenly to `drop_path` in the last. So with `drop_path` 0 the first drops a hundredth still, as
    in the program; with None nothing is dropped.

    x (B, H, W, C), any range -> (B, H, W, C).

    >>> translator = AttentionTranslator(hidden=16, blocks=2, gate="spatial", mlp_ratio=2.0)
    >>> tuple(translator(keras.ops.ones((2, 4, 4, 8))).shape)
    (2, 4, 4, 8)

    Args:
        hidden: channels of all blocks but the first.
        blocks: number of blocks, at least 2.
        gate: see `GatedAttention`.
        mlp_ratio: see `MixMLP`.
        drop_path: of the last block, see `AttentionBlock`.
        activation, far: see `GatedAttention`.
    """

    def __init__(
        self,
        hidden: int,
        blocks: int,
        gate: str,
        *,
        mlp_ratio: float = 8.0,
        drop_path: float | None = 0.0,
        activation: str = "gelu",
        far: int = FAR,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.hidden = hidden
        rates = [0.0] * blocks if drop_path is None else np.linspace(0.01, drop_path, blocks)
        self.blocks = [
            AttentionBlock(
                gate,
                mlp_ratio,
                float(rate),
                activation,
                far,
                dtype=self.dtype_policy,
                name=f"block{i}",
            )
            for i, rate in enumerate(rates)
        ]

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, C)."""
        *places, channels = input_shape
        for i, block in enumerate(self.blocks):
            block.build((*places, self.hidden if i else channels))
        ends = {0: (channels, self.hidden), len(self.blocks) - 1: (self.hidden, channels)}
        self.reductions = {}  # number of a block -> what follows it
        for i, (seen, filters) in ends.items() if channels != self.hidden else ():
            self.reductions[str(i)] = convolution(
                filters, 1, seen, "default", dtype=self.dtype_policy, name=f"reduction{i}"
            )
            self.reductions[str(i)].build((*places, seen))
        self.built = True

    def call(self, x):
        """Translate x (B, H, W, C)."""
        for i, block in enumerate(self.blocks):
            x = block(x)
            x = self.reductions[str(i)](x) if str(i) in self.reductions else x
        return x
