"""README's moving picture: a clip after the other, truth and each network side by side, small."""

import pytest
from PIL import Image

from tests import ROOT
from tests.helpers.scripts import benchmark

picture = benchmark("picture")


@pytest.mark.slow
def test_a_clip_has_a_picture_a_frame_with_the_truth_and_each_network():
    one = picture.pictures(["predrnn_digits"], 1)
    two = picture.pictures(["predrnn_digits", "predrnn_digits"], 2)
    assert (len(one), len(two)) == (10, 20)
    assert len({each.size for each in (*one, *two)}) == 1  # a network twice has one title


def test_the_picture_is_small_and_moves():
    path = ROOT / "docs" / "predictions.gif"
    assert path.stat().st_size < picture.MOST_BYTES
    with Image.open(path) as opened:
        assert opened.n_frames == 30
