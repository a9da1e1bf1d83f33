"""Splits of a user's own data: folders named as splits in any way, near misses, shares, time."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.user_videos.test_dataset import config_of, put_images, shades
from tests.helpers.small_data import silent
from tfvp.cli.main import main
from tfvp.data.prepare import prepare
from tfvp.data.user_videos.splits import by_time
from tfvp.errors import DataError


def put(folder: Path, *names: str) -> None:
    """An array of 12 frames under each name; a name that ends in / is a folder of images."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            put_images(path, shades(12) + np.uint8(number))
        else:
            np.save(path, np.full((12, 24, 32), number, np.uint8))


def sources(tmp_path: Path, **changes) -> dict[str, list[str]]:
    return prepare(config_of(tmp_path, **changes), report=silent).facts["sources"]


@pytest.mark.parametrize(
    "names",
    [
        ("train", "validation", "test"),
        ("train", "valid", "test"),
        ("Train", "Validation", "Test"),
        ("training", "validation", "testing"),
        ("TRAINING", "Val", "TESTING"),
    ],
)
@pytest.mark.parametrize("above", ["", "all/"])
def test_usual_names_in_any_case(tmp_path, names, above):
    files = [f"{above}{name}/{file}" for name in names for file in ("a.npy", "deep/b.npy")]
    put(tmp_path / "mine", *files)
    expected = dict(zip(("train", "validation", "test"), names, strict=True))
    assert sources(tmp_path) == {
        split: [f"{above}{name}/a.npy", f"{above}{name}/deep/b.npy"]
        for split, name in expected.items()
    }


def test_folders_of_images_are_in_the_split_of_their_folder_or_are_it(tmp_path):
    put(tmp_path / "mine", "train/walk/", "train/run/", "test/")
    assert sources(tmp_path) == {"train": ["train/run", "train/walk"], "test": ["test"]}


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (("train/a.npy", "test/b.npy", "stray.npy"), "stray.npy"),
        (("train/a.npy", "test/b.npy", "more/c.npy"), "more/c.npy"),
        (("trian/a.npy", "tests/b.npy", "c/c.npy"), "tests"),
        (("train_set/a.npy", "test_set/b.npy", "c.npy"), "test_set"),
        (("Validate/a.npy", "b/b.npy", "c/c.npy"), "Validate"),
    ],
)
def test_what_is_nearly_so_is_refused_by_name_unless_shares_are_given(tmp_path, files, named):
    put(tmp_path / "mine", *files)
    with pytest.raises(DataError, match="split by shares: --shares 8,1,1") as caught:
        sources(tmp_path)
    assert named in str(caught.value)
    assert not (tmp_path / "data").exists()
    assert {*sources(tmp_path, shares=(1, 1, 1))} == {"train", "validation", "test"}


def test_a_split_that_has_no_folder_is_said(tmp_path, capsys):
    put(tmp_path / "mine", "train/a.npy", "test/b.npy")
    words = ["data", "convert", str(tmp_path / "mine"), "--out", str(tmp_path / "own")]
    lengths = ("--set=data.context_frames=3", "--set=data.predict_frames=2")
    assert main([*words, "--size", "24x32", *lengths]) == 0
    said = capsys.readouterr().out
    assert "no clips for validation: training needs train and validation" in said
    assert "train on it" not in said


def test_other_names_and_the_places_own_name_mean_nothing(tmp_path):
    put(tmp_path / "test", "a/a.npy", "contest/b.npy", "street/c.npy")
    found = sources(tmp_path, source=tmp_path / "test")
    assert {*found} == {"train", "validation", "test"}


def test_one_long_source_is_split_by_time(tmp_path):
    (tmp_path / "mine").mkdir()
    long = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None], (100, 24, 32))
    np.save(tmp_path / "mine" / "long.npy", long)
    with pytest.raises(DataError, match="or cut each by time: --split-by time"):
        prepare(config_of(tmp_path), report=silent)
    made = prepare(config_of(tmp_path, split_by="time"), report=silent)
    ranges = {}
    for split in made.manifest.splits:
        reader = made.split(split)
        values = [int(v) for index in range(len(reader)) for v in reader[index][:, 0, 0, 0]]
        ranges[split] = (min(values), max(values), len(values))
    assert ranges == {"train": (0, 79, 80), "validation": (80, 89, 10), "test": (90, 99, 10)}
    assert by_time([3, 4, 7, 8], (1, 0, 1)) == {"train": [3, 4], "test": [7, 8]}
