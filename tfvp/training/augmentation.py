"""Random changes of training clips, so that a few videos teach more than themselves."""

from dataclasses import dataclass

import numpy as np

from tfvp.config.augmentation import AugmentationConfig
from tfvp.data import order
from tfvp.data.records import ClipSource

AXES = {"time": 0, "up_down": 1, "left_right": 2}  # of a clip (T, H, W, C)
ENDLESS = 10_000  # so many clips of a source without end are blended in


@dataclass(frozen=True)
class Augmentation:
    """Changes training clips at random, every frame and channel of a clip alike.

    What is drawn depends on the seed, the step and the place in the global batch alone.

    Args:
        config: what may be changed, and how far.
        source: the clips whose frames are blended in.
        seed: the seed of the draws.
    """

    config: AugmentationConfig
    source: ClipSource
    seed: int

    def __call__(self, clip: np.ndarray, step: int, place: int) -> np.ndarray:
        """Return a clip as it is learned from at a place of a step's batch.

        Args:
            clip: uint8 (T, H, W, C) in [0, 255].
            step: the step, from 1.
            place: the place in the global batch, from 0.

        Returns:
            uint8 (T, H, W, C) in [0, 255], rounded to the nearest.
        """
        draws = order.uniform(self.seed, "augmentation", (step, place), 11)
        clip = flipped(clip, draws[:3], self.config.flip)
        if draws[3] < self.config.blend:
            clip = draws[4] * clip + (1 - draws[4]) * self._still(draws[5], draws[6:9])
        return rescaled(clip, self.config, *(2 * draws[9:] - 1))

    def _still(self, which: float, flips: np.ndarray) -> np.ndarray:
        """The first frame of a clip, (1, H, W, C)."""
        count = ENDLESS if self.source.count is None else self.source.count
        return flipped(self.source[int(which * count)][:1], flips, self.config.flip)


def flipped(clip: np.ndarray, draws: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Flip the axes among those of AXES that have a name here and a draw below 0.5."""
    heads = {name for name, draw in zip(AXES, draws, strict=True) if draw < 0.5}
    return np.flip(clip, tuple(AXES[name] for name in heads & {*names}))


def rescaled(
    clip: np.ndarray, config: AugmentationConfig, contrast: float, brightness: float
) -> np.ndarray:
    """Change a clip's contrast and brightness as far as two draws from [-1, 1) say."""
    factor = (1 + config.contrast) ** contrast
    mean = clip.mean(dtype=np.float64)
    changed = (clip - mean) * factor + mean + 255 * config.brightness * brightness
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)
