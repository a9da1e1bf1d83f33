"""The contract that every dataset keeps, with small raw data; and datasets of outside packages."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests import ROOT
from tests.data.kitti import test_dataset as kitti
from tests.data.kth import test_dataset as kth
from tests.helpers.small_data import SMALL, silent
from tfvp.config.experiment import Experiment
from tfvp.data.base import Dataset, DatasetContents
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.prepare import open_prepared, prepare
from tfvp.data.registry import DATASETS, dataset_of, sections
from tfvp.data.user_videos.config import UserVideosData
from tfvp.sections import SPLITS, DataSection


def _moving_mnist(folder: Path) -> DataSection:
    return MovingMnistData(prepared=folder / "prepared", **SMALL)


def _kth(folder: Path) -> DataSection:
    raw = folder / "raw" / "kth"
    for number, name in enumerate(kth.VIDEOS):
        kth.write_video(raw / f"{name}.avi", base=number)
    kth.write_boundaries(raw, kth.BOUNDARIES)
    return kth.config(raw, allow_missing=True)


def _kitti(folder: Path) -> DataSection:
    raw = folder / "raw" / "kitti"
    kitti.write_images(raw / "drive_a" / "image_02", list(range(40)), blue=10)
    kitti.write_images(raw / "drive_b" / "image_02", list(range(25)), blue=20)
    return kitti.config(raw)


def _user_videos(folder: Path) -> DataSection:
    mine = folder / "mine"
    mine.mkdir(parents=True)
    for i in range(10):
        np.save(mine / f"s{i}.npy", np.full((12, 24, 32), 20 * i + 5, np.uint8))
    small = {"frame_px": (12, 16), "context_frames": 3, "predict_frames": 2}
    return UserVideosData(source=mine, prepared=folder / "prepared", **small)


# a dataset's name -> writes small raw data into a folder and returns settings that fit them
SMALL_RAW: dict[str, Callable[[Path], DataSection]] = {
    "moving_mnist": _moving_mnist,
    "kth": _kth,
    "kitti": _kitti,
    "clips": _user_videos,
}


@pytest.fixture(scope="module", params=DATASETS)
def dataset(request, tmp_path_factory) -> Dataset:
    """A dataset of the registry with small raw data."""
    assert request.param in SMALL_RAW, f"give {request.param} a line in SMALL_RAW"
    make = SMALL_RAW[request.param]
    return dataset_of(make(tmp_path_factory.mktemp(request.param)))


def contents_of(dataset: Dataset) -> DatasetContents:
    return dataset.plan(silent).read(Console(quiet=True))


@pytest.mark.parametrize("name", DATASETS)
def test_a_section_has_defaults_and_says_what_frames_are(name):
    section = sections()[name]()
    assert section.dataset == name
    assert section.channels in (1, 3)
    assert section.frame_shape == (*section.frame_px, section.channels)
    assert section.total_frames == section.context_frames + section.predict_frames
    changed = section.model_copy(update={"prepared": Path("elsewhere")})
    again = json.loads(changed.model_dump_json())  # as a run's config.yaml keeps it
    assert Experiment(name="x", title="x", data=again).data == changed


def test_clips_have_the_announced_shape_and_never_change(dataset):
    config, found, again = dataset.config, contents_of(dataset), contents_of(dataset)
    assert list(found.splits) == list(SPLITS)
    for split, clips in found.splits.items():
        assert clips.count == (config.sequences(split) or clips.count)
        assert clips.count
        assert clips.shape[1:] == config.frame_shape
        assert clips.shape[0] <= config.total_frames
        names = [clips.source(index) for index in range(clips.count)]
        assert all(names)
        assert [again.splits[split].source(index) for index in range(clips.count)] == names
        for index in {0, clips.count // 2, clips.count - 1}:
            clip = clips[index]
            assert (clip.dtype, clip.shape) == (np.uint8, clips.shape)
            np.testing.assert_array_equal(clips[index], clip)
            np.testing.assert_array_equal(again.splits[split][index], clip)


def test_settings_and_facts_are_json_with_terms_and_citation(dataset):
    found = contents_of(dataset)
    for written in (found.settings, found.facts):
        assert json.loads(json.dumps(written)) == written
    assert found.facts["title"]
    assert found.facts["terms"]
    assert isinstance(found.facts["citation"], list)
    assert all(isinstance(line, str) for line in found.facts["citation"])
    assert found.facts["counts"] == {split: clips.count for split, clips in found.splits.items()}
    assert found.incomplete == ""


def test_what_was_planned_matches_best_and_anything_else_not_at_all(dataset):
    wanted, planned = dataset.wanted_settings(), dataset.plan(silent).settings
    assert wanted.items() < planned.items()  # and something that tells the raw data from others
    assert contents_of(dataset).settings == planned
    assert dataset.match_score(planned) == 0
    for key in wanted:
        without = {name: value for name, value in planned.items() if name != key}
        assert dataset.match_score(without) is None, key
        assert dataset.match_score({**planned, key: "another"}) is None, key


def test_prepared_data_are_found_again_and_read_back(dataset):
    made, contents = prepare(dataset.config, report=silent), contents_of(dataset)
    found = open_prepared(dataset.config)
    assert (found.folder, found.manifest.dataset) == (made.folder, dataset.config.dataset)
    assert found.facts == contents.facts
    assert found.verify() == []
    for split, clips in contents.splits.items():
        reader = found.split(split)
        assert (reader.count, reader.shape) == (clips.count, clips.shape)
        np.testing.assert_array_equal(reader[0], clips[0])
        assert reader.source(0) == clips.source(0)


# --- datasets of outside packages ---

SECTION = '''
from typing import Literal
from tfvp.sections import DataSection

class SECTION(DataSection):
    """Frames of one gray value."""
    dataset: Literal["shades-of-gray"] = "shades-of-gray"
    start: int = 10

    @property
    def channels(self) -> int:
        return 1
'''
DATASET = """
from dataclasses import dataclass
import numpy as np
from tfvp.data.base import Dataset, DatasetContents, DatasetPlan

@dataclass
class Clips:
    shape: tuple
    first: int
    count: int

    def __getitem__(self, index):
        return np.full(self.shape, self.first + index, np.uint8)

    def source(self, index):
        return f"gray {self.first + index}"

class DATASET(Dataset):
    def wanted_settings(self):
        return {"start": self.config.start, "shape": self._shape}

    def plan(self, report):
        report("shades are made")
        clips = {
            split: Clips(tuple(self._shape), self.config.start + 50 * number, 3)
            for number, split in enumerate(("train", "validation", "test"))
        }
        facts = {"title": "Shades", "terms": "free", "citation": []}
        settings = self.wanted_settings()
        return DatasetPlan(settings, lambda console: DatasetContents(settings, facts, clips))

    @property
    def _shape(self):
        return [self.config.total_frames, *self.config.frame_shape]
"""
USE = """
import sys
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.data.prepare import open_prepared

assert main(["data", "prepare", "--config", "shades.yaml"]) == 0
prepared = open_prepared(load_config("shades.yaml").data)
print([int(prepared.split(split)[2].mean()) for split in ("train", "validation", "test")])
assert main(["data", "verify", "data"]) == 0
for broken in ("broken", "hollow"):
    assert main(["data", "prepare", "e3d", f"--set=data.dataset={broken}"]) == 2
"""


@pytest.fixture
def outside(tmp_path) -> Path:
    """A folder with three installed packages: of a dataset, of none, and one that cannot start."""
    info = tmp_path / "outside-1.0.dist-info"
    package = tmp_path / "shades"
    for folder in (info, package):
        folder.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tfvp.datasets]\nshades-of-gray = shades\nbroken = broken\nhollow = hollow\n"
    )
    (package / "__init__.py").write_text("from shades.config import SECTION\n")
    (package / "config.py").write_text(SECTION)
    (package / "dataset.py").write_text(DATASET)
    (tmp_path / "broken.py").write_text("import a_package_that_is_not_there\n")
    (tmp_path / "hollow.py").write_text("")
    (tmp_path / "shades.yaml").write_text(
        "extends: e3d\nname: shades\ntitle: Shades\ndata:\n"
        "  dataset: shades-of-gray\n  start: 20\n  frame_px: [16, 16]\n"
    )
    return tmp_path


@pytest.mark.slow
def test_outside_datasets_are_used_and_a_broken_one_spoils_only_itself(outside):
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=outside,
        env={"PATH": "", "PYTHONPATH": f"{outside}:{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for line in ("shades are made", "terms of use: free", "[22, 72, 122]", "9 records are as they"):
        assert line in done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "Traceback" not in done.stderr
    assert "broken: broken cannot be imported: ModuleNotFoundError: No module named" in errors[0]
    assert "hollow: hollow cannot be imported: AttributeError: module 'hollow'" in errors[1]
