"""Metrics against the original programs, scikit-image and numbers worked out by hand."""

import typing

import numpy as np
import pytest
from skimage.metrics import structural_similarity as skimage_ssim

from tfvp.config.evaluation import MetricName
from tfvp.evaluation.metrics import METRICS
from tfvp.evaluation.ssim import FRAMES_AT_ONCE

GOLDEN_NAMES = {
    "mse": "mse_frame_sum",
    "mae": "mae_frame_sum",
    "ssim_thesis": "ssim_thesis_float_range2",
    "ssim_range1": "ssim_range1",
    "ssim_uint8": "ssim_uint8",
    "ssim_gaussian": "ssim_gaussian11_range1",
    "psnr_uint8": "psnr_uint8_truncated",
    "psnr_float": "psnr_float",
    "cross_entropy": "cross_entropy_frame_sum",
}


def constant(value: float, shape=(1, 1, 64, 64, 1)) -> np.ndarray:
    return np.full(shape, value, np.float32)


def test_every_metric_of_the_config_is_measured():
    assert list(METRICS) == list(typing.get_args(MetricName))
    assert set(GOLDEN_NAMES) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_equals_the_original_programs(goldens, name):
    with np.load(goldens / "metrics.npz", allow_pickle=False) as golden:
        truth, prediction = golden["in/truth"], golden["in/prediction"]
        expected = golden[f"out/{GOLDEN_NAMES[name]}"]
    measured = METRICS[name](truth, prediction)
    assert measured.shape == truth.shape[:2]
    assert measured.dtype == np.float64
    # these were made in float32 by the original programs, all others in float64
    rtol = 1e-6 if name in ("mse", "mae", "psnr_float") else 1e-10
    np.testing.assert_allclose(measured, expected, rtol=rtol)


@pytest.mark.parametrize("name", ["mse", "ssim_thesis", "ssim_range1", "psnr_uint8"])
def test_equals_the_released_evaluation_on_two_images_given_by_a_formula(name):
    i = np.arange(2 * 64 * 64)
    x = (37 * i + 11) % 97 / 96
    g = np.clip(0.8 * x + 0.3 * ((13 * i + 5) % 89 / 88) - 0.05, 0, 1)
    x, g = (frames.astype(np.float32).reshape(2, 1, 64, 64, 1) for frames in (x, g))
    measured = METRICS[name](x, g)[:, 0]
    expected = {
        "ssim_thesis": (0.9263187, 0.9259160),
        "ssim_range1": (0.9249910, 0.9245798),
        "psnr_uint8": (19.576933, 19.550575),
    }
    if name == "mse":  # only the sum over both was printed
        assert measured.sum() == pytest.approx(90.40727, rel=1e-7)
    else:
        np.testing.assert_allclose(measured, expected[name], rtol=2e-7)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", 4096 * 0.01),
        ("mae", 4096 * 0.1),
        ("psnr_float", 20.0),
        ("psnr_uint8", 20 * np.log10(255 / 25)),  # 25.5 is cut to 25
        ("ssim_thesis", 0.0004 / (0.01 + 0.0004)),  # constants have no variance: means only
        ("ssim_range1", 0.0001 / (0.01 + 0.0001)),
        ("ssim_gaussian", 0.0001 / (0.01 + 0.0001)),
        ("ssim_uint8", 6.5025 / (25**2 + 6.5025)),
        ("cross_entropy", -4096 * np.log(0.9)),
    ],
)
def test_black_against_a_tenth(name, expected):
    measured = METRICS[name](constant(0.0), constant(0.1))
    np.testing.assert_allclose(measured, [[expected]], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", 0.0),
        ("mae", 0.0),
        ("psnr_float", np.inf),
        ("psnr_uint8", np.inf),
        ("ssim_thesis", 1.0),
        ("ssim_uint8", 1.0),
    ],
)
def test_equal_frames(name, expected):
    frames = np.random.default_rng(0).random((1, 2, 16, 16, 1), np.float32)
    np.testing.assert_allclose(METRICS[name](frames, frames), [[expected] * 2], atol=1e-12)


def test_cross_entropy_of_a_coin_and_of_a_sure_mistake():
    coin = METRICS["cross_entropy"](constant(1.0), constant(0.5))
    np.testing.assert_allclose(coin, [[4096 * np.log(2)]])
    mistake = METRICS["cross_entropy"](constant(1.0), constant(0.0))
    np.testing.assert_allclose(mistake, [[4096 * 7 * np.log(10)]])  # -log(1e-7)


@pytest.mark.parametrize("name", METRICS)
def test_prediction_is_clipped(name):
    truth = constant(0.25, (1, 1, 16, 16, 1))
    beyond = METRICS[name](truth, constant(1.7, truth.shape))
    np.testing.assert_array_equal(beyond, METRICS[name](truth, constant(1.0, truth.shape)))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ssim_thesis", {"data_range": 2.0}),
        ("ssim_range1", {"data_range": 1.0}),
        (
            "ssim_gaussian",
            {
                "data_range": 1.0,
                "gaussian_weights": True,
                "sigma": 1.5,
                "use_sample_covariance": False,
            },
        ),
    ],
)
def test_ssim_is_skimages_on_colour_and_oblong_frames(name, options):
    """More frames than are filtered at once, so that a part of the last lot is empty."""
    shape = (3, FRAMES_AT_ONCE // 3 + 1, 13, 22, 3)
    rng = np.random.default_rng(1)
    truth, noise = rng.random(shape), rng.normal(size=shape)
    prediction = np.clip(truth + 0.2 * noise, 0, 1)
    expected = [
        [skimage_ssim(x, y, channel_axis=-1, **options) for x, y in zip(*clip, strict=True)]
        for clip in zip(truth, prediction, strict=True)
    ]
    np.testing.assert_allclose(METRICS[name](truth, prediction), expected, rtol=1e-10)


@pytest.mark.parametrize("name", METRICS)
def test_frames_are_measured_one_by_one(name):
    rng = np.random.default_rng(2)
    truth, prediction = rng.random((2, 3, 4, 16, 16, 1), np.float32)
    together = METRICS[name](truth, prediction)
    alone = METRICS[name](truth[2:3, 1:2], prediction[2:3, 1:2])
    np.testing.assert_allclose(together[2, 1], alone[0, 0], rtol=1e-12)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (np.zeros((2, 8, 8, 1)), np.zeros((2, 8, 8, 1)), r"truth: expected \(B, T, H, W, C\)"),
        (np.zeros((1, 2, 8, 8, 1)), np.zeros((1, 3, 8, 8, 1)), r"expected .*\(1, 2, 8, 8, 1\)"),
        (np.zeros((1, 0, 8, 8, 1)), np.zeros((1, 0, 8, 8, 1)), "at least one frame"),
        (np.full((1, 1, 8, 8, 1), 255.0), np.zeros((1, 1, 8, 8, 1)), "divide uint8 frames by 255"),
        (np.full((1, 1, 8, 8, 1), -0.1), np.zeros((1, 1, 8, 8, 1)), r"\[0, 1\], got -0.1"),
        (np.full((1, 1, 8, 8, 1), np.nan), np.zeros((1, 1, 8, 8, 1)), r"truth: .* got nan"),
        (np.zeros((1, 1, 8, 8, 1)), np.full((1, 1, 8, 8, 1), np.nan), "prediction: .*finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(name, truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        METRICS[name](truth, prediction)


def test_a_frame_smaller_than_the_window_is_refused():
    small = np.zeros((1, 1, 6, 64, 1))
    with pytest.raises(ValueError, match=r"7x7 px .*got 6x64"):
        METRICS["ssim_thesis"](small, small)
