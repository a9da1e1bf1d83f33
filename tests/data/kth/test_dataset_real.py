"""KTH's real videos: all convert, as long as officially announced, and a run goes through."""

import os
import re
from pathlib import Path

import pytest

from tests.helpers import tiny
from tests.helpers.small_data import silent
from tfvp.config.loading import load_config
from tfvp.data.kth import files as kth_files
from tfvp.data.kth.config import KthData
from tfvp.data.kth.frames import count_frames
from tfvp.data.prepare import PreparedData, prepare
from tfvp.evaluation.schema import read_metrics
from tfvp.sections import SPLITS

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> PreparedData:
    """Every video there is, cut by the released rule to 64x80."""
    folder = tmp_path_factory.mktemp("kth")
    config = KthData(prepared=folder, frame_px=(64, 80), allow_missing=True)
    return prepare(config, report=silent)


def raw() -> Path:
    return Path(os.environ["TFVP_DATA"]) / "kth"


def official_last_frames() -> dict[str, int]:
    """The last number of each line of the official file."""
    text = next(raw().rglob("00sequences.txt")).read_text("latin-1")
    return {
        name: int(last)
        for name, last in re.findall(r"^(person\S+)\s+frames.*-(\d+)\s*$", text, re.M)
    }


def test_decoded_counts_are_the_official_ones():
    last = official_last_frames()
    found = kth_files.find(raw())
    assert found.problems == []
    counts = {v.name: count_frames(v.path).decoded for v in found.videos.values()}
    assert counts == {name: last[name] for name in counts}
    assert len(counts) >= 14


def test_every_video_converts_and_no_person_is_in_two_splits(prepared):
    videos = {re.sub("_uncomp$", "", path.stem) for path in raw().rglob("*.avi")}
    shown: dict[str, set[str]] = {}
    for split in SPLITS:
        reader = prepared.split(split)
        shown[split] = {
            reader.source(i).split()[0].removeprefix("kth/") for i in range(len(reader))
        }
    assert set.union(*shown.values()) == videos
    people = [{int(name[6:8]) for name in names} for names in shown.values()]
    assert sum(map(len, people)) == len(set.union(*people))
    assert people[1] == {15, 16}
    assert max(people[0]) <= 14
    assert min(people[2]) >= 17
    assert prepared.facts["left_out"] == []
    assert prepared.verify() == []


def test_no_window_crosses_an_official_gap(prepared):
    """Frames 51-119 of person01_jogging_d1 belong to no sequence: nobody is in the picture."""
    reader = prepared.split("train")
    sources = [reader.source(i) for i in range(len(reader))]
    spans = [re.findall(r"(\d+)-(\d+)$", s)[0] for s in sources if "person01_jogging_d1" in s]
    assert [(int(a), int(b)) for a, b in spans][:7] == [(n, n + 29) for n in range(3, 22, 3)]
    assert all(int(b) <= 50 or int(a) >= 120 for a, b in spans)


def test_the_quick_run_goes_through(tmp_path):
    homes = (f"results={tmp_path / 'results'}", f"data.prepared={tmp_path / 'data'}")
    few = (
        *("data.stride=40", "model.hidden=[4, 4]"),
        *("training.steps=4", "training.global_batch=4", "training.micro_batch=4"),
        *("training.validate_every=2", "training.checkpoint_every=2", "training.log_every=1"),
        *("training.validation_clips=4", "evaluation.sequences=6", "evaluation.samples=1"),
    )
    experiment = load_config("e3d_residual_kth", preset="quick", overrides=[*homes, *few])
    job = tiny.job(experiment)
    from tfvp.experiment.stages import run_stages

    run_stages(job, ("prepare", "train", "evaluate", "report"))
    metrics = read_metrics(job.run.metrics_path)
    assert metrics.protocol.frame_shape == (16, 20, 1)
    assert metrics.metadata.data.startswith("KTH (")
    assert metrics.metadata.data_settings["videos"] >= 14
    report = job.run.report_path.read_text()
    assert "quick run" in report
    assert "KTH (" in report
    assert "videos 14 (table: 599)" in report
