"""The pretrained weights that come with tfvp: whole, small, listed, and as good as they say."""

import numpy as np
import pytest

from tfvp.cli.main import main
from tfvp.inference.predictor import Predictor
from tfvp.presets.find import shipped
from tfvp.presets.folder import WEIGHTS

BYTES_MAX = 8_000_000  # of all that the wheel brings


def test_shipped_presets_are_whole_small_and_listed(capsys):
    presets = shipped()
    files = [path for preset in presets for path in preset.root.iterdir()]
    assert presets
    assert sum(path.stat().st_size for path in files) <= BYTES_MAX
    assert main(["list", "presets"]) == 0
    said = capsys.readouterr().out
    for preset in presets:
        assert f"preset:{preset.name}\n" in said
        preset.read(WEIGHTS)
        assert preset.example is not None
    assert (
        said.count("copy last frame") == said.count("licence   of the data: CC BY") == len(presets)
    )


@pytest.mark.slow
@pytest.mark.parametrize("preset", shipped(), ids=lambda preset: preset.name)
def test_shipped_presets_predict_as_when_they_were_saved(preset):
    frames, saved = preset.example
    horizon = saved.shape[1]
    now = Predictor.from_preset(preset.name)(frames[:, :-horizon], steps=horizon).astype(int)
    assert np.abs(now - saved).max() <= 1
    truth = frames[:, -horizon:].astype(int)
    copied = frames[:, -horizon - 1 : -horizon].astype(int)
    assert np.square(now - truth).sum() < 0.8 * np.square(copied - truth).sum()
