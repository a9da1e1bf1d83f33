"""tfvp predict continues a real KTH video."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.experiment.stages import run_stages


@pytest.mark.realdata
def test_a_real_video_is_continued_after_its_last_frame(tmp_path):
    made = tiny.job(tiny.experiment(tmp_path, "training.steps=1"))
    run_stages(made, ("prepare", "train"))
    video = next(Path(os.environ["TFVP_DATA"]).glob("kth/videos/person01_boxing_*.avi"))
    words = ["predict", "--run", str(made.run.root), "--input", str(video), "--steps", "5"]
    assert main([*words, "--output", str(tmp_path / "next")]) == 0
    names = sorted(path.name for path in (tmp_path / "next").iterdir())
    first = int(names[0].removeprefix("context_").removesuffix(".png"))
    assert names == [
        *(f"context_{n:05d}.png" for n in range(first, first + 3)),
        *(f"predicted_{n:05d}.png" for n in range(first + 3, first + 8)),
    ]
    with Image.open(tmp_path / "next" / names[0]) as picture:
        assert picture.size == (160, 120)
        assert np.asarray(picture).std() > 20
