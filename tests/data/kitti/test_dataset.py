"""KITTI: which frames of which drive belong where, and what a frame looks like."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.small_data import silent
from tfvp.data.inspect import contact_sheet, preview
from tfvp.data.kitti import dataset as kitti
from tfvp.data.kitti.config import KittiData
from tfvp.data.kitti.images import scaled_crop
from tfvp.data.prepare import open_prepared, prepare
from tfvp.errors import DataError
from tfvp.sections import SPLITS

HEIGHT, WIDTH = 30, 100


def write_images(folder: Path, numbers: list[int], blue: int, name: str = "{:010}.png") -> None:
    """Images whose red is 5 times their number and whose green grows by 2 a column."""
    folder.mkdir(parents=True)
    for number in numbers:
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        image[..., 0], image[..., 1], image[..., 2] = 5 * number, 2 * np.arange(WIDTH), blue
        Image.fromarray(image).save(folder / name.format(number))


@pytest.fixture
def raw(tmp_path) -> Path:
    """Two drives as in a folder of one's own, and two as the raw dataset lays them out."""
    folder = tmp_path / "raw" / "kitti"
    write_images(folder / "drive_a" / "image_02", list(range(40)), blue=10)
    write_images(folder / "drive_b" / "image_02", list(range(25)), blue=20)
    for number in (1, 2):
        drive = folder / "2011_09_26" / f"2011_09_26_drive_000{number}_sync"
        write_images(drive / "image_03" / "data", list(range(5)), blue=100 + number)
        write_images(drive / "image_00" / "data", list(range(9)), blue=0)
        (drive / "oxts" / "data").mkdir(parents=True)
        (drive / "oxts" / "data" / "0000000000.txt").write_text("1")
    return folder


def config(raw: Path, **changes) -> KittiData:
    settings = {
        "root": raw.parent,
        "prepared": raw.parent.parent / "prepared",
        "frame_px": (12, 16),
        "context_frames": 4,
        "predict_frames": 4,
        "camera": "image_02",
        "test_drives": ("drive_b",),
        "validation_drives": (),
        "validation_last_frames": 8,
        "validation_gap_frames": 10,
    }
    return KittiData(**{**settings, **changes})


def spans(prepared, split: str) -> list[str]:
    reader = prepared.split(split)
    return [reader.source(index) for index in range(len(reader))]


def test_two_drives_test_is_one_and_validation_the_end_of_the_other_after_a_gap(raw):
    prepared = prepare(config(raw), report=silent)
    assert spans(prepared, "train") == [f"kitti/drive_a frames {n}-{n + 7}" for n in range(15)]
    assert spans(prepared, "validation") == ["kitti/drive_a frames 32-39"]
    assert spans(prepared, "test") == [f"kitti/drive_b frames {n}-{n + 7}" for n in (0, 8, 16)]
    assert prepared.facts["drives"] == {
        "train": ["drive_a"], "validation": ["drive_a"], "test": ["drive_b"]
    }  # fmt: skip
    assert prepared.facts["title"] == "KITTI, left camera, 2 drives"
    assert "NC" in prepared.facts["terms"]
    assert prepared.verify() == []


def test_ten_frames_in_both_modes(raw):
    ten = {"context_frames": 5, "predict_frames": 5, "validation_last_frames": 10}
    for mode, count, train in (("all", 16, 11), ("unique", 2, 2)):
        made = prepare(config(raw, **ten, train_windows=mode, test_windows=mode), report=silent)
        assert made.facts["counts"] == {"train": train, "validation": 1, "test": count}


def test_validation_that_holds_no_whole_sequence_predicts_fewer_frames(raw):
    """Ten frames for training and test in both modes, while validation has the last eight."""
    ten = {"context_frames": 5, "predict_frames": 5, "validation_frames": 8}
    for mode, count, train in (("all", 16, 13), ("unique", 2, 2)):
        made = prepare(config(raw, **ten, train_windows=mode, test_windows=mode), report=silent)
        assert made.facts["counts"] == {"train": train, "validation": 1, "test": count}
        assert [made.split(split).shape[0] for split in SPLITS] == [10, 8, 10]
        assert spans(made, "validation") == ["kitti/drive_a frames 32-39"]
        assert len(preview(made)) == 10  # pictures; the shorter clip waits in its last frame
        assert contact_sheet(made).height > 0
        last = {"all": "12-21", "unique": "10-19"}[mode]
        assert spans(made, "train")[-1] == f"kitti/drive_a frames {last}"
    write_images(raw / "drive_c" / "image_02", list(range(7)), blue=0)
    seven = config(raw, **ten, validation_last_frames=0, validation_drives=("drive_c",))
    with pytest.raises(DataError, match=r"no 8 frames in a row for the validation split"):
        prepare(seven, report=silent)


def test_sequences_do_not_run_across_a_missing_image(raw):
    (raw / "drive_b" / "image_02" / "0000000009.png").unlink()
    prepared = prepare(config(raw), report=silent)
    assert spans(prepared, "test") == ["kitti/drive_b frames 0-7", "kitti/drive_b frames 10-17"]


def test_the_raw_layout_and_whole_drives_for_each_split(raw):
    first, second = (f"2011_09_26_drive_000{n}_sync" for n in (1, 2))
    write_images(raw / "plain", list(range(7, 12)), blue=50, name="view{}.png")
    chosen = config(
        raw, camera="image_03", context_frames=2, predict_frames=2, test_drives=(first,),
        validation_drives=(second,), validation_last_frames=0,
    )  # fmt: skip
    prepared = prepare(chosen, report=silent)
    assert spans(prepared, "train") == ["kitti/plain frames 7-10", "kitti/plain frames 8-11"]
    assert spans(prepared, "validation") == [f"kitti/{second} frames {n}-{n + 3}" for n in (0, 1)]
    assert spans(prepared, "test") == [f"kitti/{first} frames 0-3"]
    blues = {split: int(prepared.split(split)[0][0, 0, 0, 2]) for split in SPLITS}
    assert blues == {"train": 50, "validation": 102, "test": 101}


def test_frames_are_those_of_the_source_scaled_and_cropped_in_the_middle(raw):
    """30x100 becomes 12x40, of which columns 12-27 stay: their middles lie at 31.25 + 2.5 n."""
    prepared = prepare(config(raw), report=silent)
    clip = prepared.split("test")[1]
    assert clip.shape == (8, 12, 16, 3)
    for place, number in enumerate(range(8, 16)):
        assert set(clip[place, ..., 0].ravel()) == {5 * number}
        assert set(clip[place, ..., 2].ravel()) == {20}
        columns = 31.25 + 2.5 * np.arange(16) - 0.5
        np.testing.assert_allclose(clip[place, 0, :, 1], 2 * columns, atol=1)


def triangle(length: int, size: int) -> np.ndarray:
    """Weights (size, length) of Pillow's bilinear filter, widened when it makes smaller."""
    scale = length / size
    centres = (np.arange(size)[:, None] + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(length) + 0.5 - centres) / scale)
    return weights / weights.sum(axis=1, keepdims=True)


def test_scaling_is_pillows_bilinear_of_the_size_of_real_frames(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (375, 1242, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.png")
    across = np.einsum("xw,hwc->hxc", triangle(1242, 424), noise)
    scaled = np.einsum("yh,hxc->yxc", triangle(375, 128), across)
    frame = scaled_crop(tmp_path / "x.png", (128, 160))
    np.testing.assert_allclose(frame, scaled[:, 132:292], atol=1.01)


def test_what_is_prepared_is_found_again_and_other_settings_are_other_data(raw):
    made = prepare(config(raw), report=silent)
    assert prepare(config(raw), report=silent).folder == made.folder
    assert open_prepared(config(raw, root=None)).folder == made.folder
    for change in ({"validation_gap_frames": 9}, {"test_windows": "all"}, {"frame_px": (12, 20)}):
        with pytest.raises(DataError, match="no kitti prepared"):
            open_prepared(config(raw, **change))
    (raw / "drive_c").mkdir()
    write_images(raw / "drive_c" / "image_02", list(range(8)), blue=0)  # one more to train on
    other = prepare(config(raw, prepared=raw.parent / "other"), report=silent)
    assert other.hash != made.hash


def test_records_serve_where_the_images_are_not(raw):
    made = prepare(config(raw), report=silent)
    assert prepare(config(raw, root=None), report=silent).folder == made.folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_drives": ("drive_c",)}, "data.test_drives: drive_c has no images of image_02 .*"
         "there are: drive_a, drive_b"),
        ({"train_drives": ("x",)}, "data.train_drives: x has no images"),
        ({"validation_gap_frames": 30}, r"no 8 frames in a row for the train split \(drive_a\)"),
        ({"context_frames": 30, "validation_last_frames": 0, "validation_drives": ("drive_a",)},
         r"for the train split \(no drive\)"),
        ({"frame_px": (12, 50)}, "scaled to height 12 it is 40 pixels wide, narrower than"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_leaves_nothing(raw, change, said):
    with pytest.raises(DataError, match=said) as caught:
        prepare(config(raw, **change), report=silent)
    assert "\n" not in str(caught.value)
    assert not list(raw.parent.parent.glob("prepared/kitti-*"))


def test_a_damaged_image_is_named_and_nothing_is_written(raw):
    path = raw / "drive_b" / "image_02" / "0000000003.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"0000000003\.png: not a readable image"):
        prepare(config(raw), report=silent)
    assert not list(raw.parent.parent.glob("prepared/kitti-*"))


def test_names_that_do_not_tell(raw, tmp_path):
    write_images(raw / "again" / "drive_b", [0], blue=0)
    with pytest.raises(DataError, match=r"drive drive_b lies in .*drive_b.* too"):
        kitti.find_drives(raw, "image_02")
    write_images(tmp_path / "other" / "d", [0], blue=0, name="first.png")
    with pytest.raises(DataError, match=r"first\.png: expected a name that ends in the frame's"):
        kitti.find_drives(tmp_path / "other", "image_02")


def test_no_kitti_says_where_to_get_it_and_what_is_read(tmp_path, raw):
    with pytest.raises(DataError, match=r"no such folder; .*cvlibs.*DRIVE/image_02/data"):
        prepare(config(raw, root=tmp_path), report=silent)
    (tmp_path / "kitti").mkdir()
    with pytest.raises(DataError, match="no drive with PNG files of image_02"):
        prepare(config(raw, root=tmp_path), report=silent)
