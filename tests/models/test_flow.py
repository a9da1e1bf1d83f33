"""What networks draw of how they work: a flow, its sign, unit and colours; masks and layers."""

import numpy as np
import pytest

from tfvp.config.loading import load_config
from tfvp.drawing.clips import filmstrip
from tfvp.drawing.colours import flow_colours
from tfvp.models.build import build_model


@pytest.mark.parametrize(
    ("flow", "colour"),
    [
        ((0, 3), (1, 0, 0)),  # from the right: red
        ((3, 0), (0.5, 1, 0)),  # from below
        ((0, -3), (0, 1, 1)),  # from the left: cyan
        ((-3, 0), (0.5, 0, 1)),  # from above
        ((0, 1.5), (1, 0.5, 0.5)),  # half as long: half as strong
        ((0, 0), (1, 1, 1)),
    ],
)
def test_colours_say_from_where(flow, colour):
    clip = np.zeros((1, 1, 2, 2))
    clip[0, 0, 0] = flow
    clip[0, 0, 1] = (0, 3)  # the longest
    np.testing.assert_allclose(flow_colours(clip)[0, 0, 0], colour, atol=1e-12)


def test_flow_is_in_pixels_of_the_frame_and_moves_the_frame():
    small = ["model.encoder=3", "model.hidden=4", "data.frame_px=[12, 16]", "data.digit_px=6"]
    network = build_model(load_config("spatio_temporal_conv_lstm", overrides=small))
    drawings = network.drawings()
    assert drawings is not None

    def flow(context, prediction):
        return drawings(context, prediction)["flow"]

    height, width, channels = network.frame_shape
    context = np.random.default_rng(0).random((3, height, width, channels), np.float32)
    prediction = np.asarray(network.predict_frames(context[None], 2))[0]
    assert not flow(context, prediction).any()  # it starts with no motion
    last = network.core.flow_layers[-1]
    last.bias.assign([0.5, -0.25])
    # the bias over half the side of the map, times (side - 1) / 2 places of two pixels
    rows, columns = height // 2, width // 2
    expected = [0.5 * 2 / rows * (rows - 1) / 2 * 2, -0.25 * 2 / columns * (columns - 1) / 2 * 2]
    moved = flow(context, prediction)
    assert moved.shape == (2, height, width, 2)
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), rtol=1e-5)


@pytest.mark.parametrize("config", ["cdna", "dna"])
def test_masks_are_colours_and_what_they_weigh_adds_up_to_the_prediction(config):
    masks = 1 if config == "dna" else 3
    small = ["model.hidden=[3, 4, 3, 4, 5, 3, 4]", f"model.masks={masks}", "data.frame_px=[16, 8]"]
    network = build_model(load_config(config, overrides=[*small, "data.digit_px=6"]))
    drawings = network.drawings()
    assert drawings is not None
    context = np.random.default_rng(0).random((3, 16, 8, 1), np.float32)
    prediction = np.asarray(network.predict_frames(context[None], 2))[0]
    drawn = drawings(context, prediction)
    new = {} if config == "dna" else {"new, black": 1}
    assert list(drawn) == ["masks", "kept, white", *new, "moved, hues"]
    colours = drawn.pop("masks")
    assert colours.shape == (2, 16, 8, 3)
    np.testing.assert_allclose(sum(drawn.values()), prediction, atol=1e-5)
    # white and red for dna: red is full everywhere; white, black, red and cyan: the others are even
    kept = drawn["kept, white"] / np.stack([context[-1], prediction[0]])
    if config == "dna":
        np.testing.assert_allclose(colours[..., 0], 1, atol=1e-5)
        np.testing.assert_allclose(colours[..., 1:], kept.repeat(2, axis=-1), atol=1e-4)
    else:
        np.testing.assert_allclose(colours[..., 1], colours[..., 2], atol=1e-6)
        assert (colours >= kept - 1e-4).all()
    strip = filmstrip(np.concatenate([context, prediction]), prediction, "t", drawn)
    assert strip.height > 500


def test_networks_with_nothing_to_draw_have_none():
    small = ["model.hidden=[2]", "data.frame_px=[8, 8]", "data.digit_px=4"]
    assert build_model(load_config("conv_lstm_stack", overrides=small)).drawings() is None


def test_filmstrip_has_a_row_for_the_flow():
    clip, flow = np.zeros((3, 8, 8, 1)), np.ones((1, 8, 8, 2))
    without = filmstrip(clip, clip[2:], "t")
    assert filmstrip(clip, clip[2:], "t", {"flow": flow}).height > without.height
