"""KITTI's real images, in colour from the files to the report."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import tiny
from tests.helpers.small_data import silent
from tfvp.config.loading import load_config
from tfvp.data.kitti.config import KittiData
from tfvp.data.prepare import prepare
from tfvp.evaluation.schema import read_metrics
from tfvp.experiment.stages import run_stages

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize(
    ("mode", "counts"),
    [
        ("all", {"train": 13, "validation": 1, "test": 16}),
        ("unique", {"train": 2, "validation": 1, "test": 2}),
    ],
)
def test_ten_frames_of_the_real_drives(tmp_path, mode, counts):
    config = KittiData(
        prepared=tmp_path,
        camera="image_02",
        test_drives=("drive_b",),
        validation_drives=(),
        validation_last_frames=8,
        validation_frames=8,
        train_windows=mode,
        test_windows=mode,
    )
    prepared = prepare(config, report=silent)
    assert prepared.facts["counts"] == counts
    clip = prepared.split("test")[0]
    assert clip.shape == (10, 128, 160, 3)
    path = Path(os.environ["TFVP_DATA"]) / "kitti" / "drive_b" / "image_02" / "0000000003.png"
    whole = np.asarray(Image.open(path).resize((424, 128), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(clip[3], whole[:, 132:292])


def test_the_quick_run_goes_through_in_colour(tmp_path):
    homes = (f"results={tmp_path / 'results'}", f"data.prepared={tmp_path / 'data'}")
    few = (
        *("model.hidden=[4, 4]", "training.steps=4", "training.validate_every=2"),
        *("training.checkpoint_every=2", "training.log_every=1", "evaluation.samples=1"),
    )
    experiment = load_config("e3d_residual_kitti", preset="quick", overrides=[*homes, *few])
    job = tiny.job(experiment)
    run_stages(job, ("prepare", "train", "evaluate", "report"))
    metrics = read_metrics(job.run.metrics_path)
    assert metrics.protocol.frame_shape == (16, 20, 3)
    assert metrics.protocol.sequences == 16
    assert "KITTI, left camera, 2 drives" in job.run.report_path.read_text()
    (arrays,) = job.run.samples.glob("*.npz")
    with np.load(arrays, allow_pickle=False) as sample:
        assert {sample[name].shape[-1] for name in sample.files} == {3}
