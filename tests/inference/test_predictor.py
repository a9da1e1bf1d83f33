"""A predictor called again, with other lengths, batches and types, and what it refuses."""

import keras
import numpy as np
import pytest

from tests.contracts.test_models import SHAPE, SMALL, experiment
from tests.helpers import with_slow
from tfvp.backend import backend
from tfvp.errors import TrainingError
from tfvp.inference.compiled import compiled_prediction, padded
from tfvp.inference.predictor import Predictor
from tfvp.models.build import build_model

# One of every family and kind of state; the others take minutes together.
FAST = {"predrnn", "fc_lstm", "tau"}
ONE_OF_EACH = with_slow([name for name in SMALL if " " not in name], FAST)


def predictor_of(name: str) -> Predictor:
    keras.utils.set_random_seed(0)
    of = experiment(name)
    return Predictor(build_model(of), of)


def lengths(predictor: Predictor) -> list[int]:
    fixed = predictor.predictor.context_frames
    # the second differs from the first in its length alone
    return [fixed] * 3 if fixed else [2, 3, 3, 1, 2]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_call_is_right_whatever_the_calls_before_it(name):
    predictor, rng = predictor_of(name), np.random.default_rng(0)
    for batch, length in zip((None, None, 2, 3, None), lengths(predictor), strict=False):
        shape = (length, *SHAPE) if batch is None else (batch, length, *SHAPE)
        frames = rng.random(shape, np.float32)
        alone = predictor.predictor.predict_frames(frames if batch else frames[None], 3)
        wanted = np.clip(keras.ops.convert_to_numpy(alone), 0, 1)
        found = predictor(frames, steps=3)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted if batch else wanted[0], atol=1e-5)
        levels = predictor(np.rint(255 * frames).astype("uint8"), steps=3)
        assert levels.dtype == np.uint8
        assert levels.shape == found.shape
        half = predictor(frames.astype("float64"), steps=1)
        assert half.shape[-4] == 1


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_prediction_that_is_not_finite_is_no_picture(dtype):
    predictor = predictor_of("fc_lstm")
    weight = predictor.predictor.weights[0]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(TrainingError, match="predicts NaN or infinity"):
        predictor(np.zeros((3, *SHAPE), dtype), steps=1)


@pytest.mark.parametrize("name", ["predrnn", "fc_lstm"])
@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (
            np.zeros((5, 9, 16, 1)),
            r"expected \(T, 8, 16, 1\) or \(B, T, 8, 16, 1\) .* got \(5, 9, 16, 1\)",
        ),
        (np.zeros((5, 8, 16)), r"got \(5, 8, 16\)"),
        (np.zeros((1, 2, 5, 8, 16, 1)), r"got \(1, 2, 5, 8, 16, 1\)"),
        (np.zeros((0, 8, 16, 1)), "at least one frame, got"),
        (np.zeros((2, 0, 8, 16, 1)), "at least one frame, got"),
        (np.full((5, 8, 16, 1), 2.0), r"expected floats in \[0, 1\], got \[2, 2\]"),
        (np.zeros((5, 8, 16, 1), "int64"), "expected uint8 or float, got int64"),
    ],
)
def test_wrong_input_is_the_promised_error_before_and_after_a_good_call(name, frames, said):
    predictor = predictor_of(name)
    for _ in range(2):
        with pytest.raises(ValueError, match=said):
            predictor(frames)
        predictor(np.zeros((3, *SHAPE), "float32"), steps=1)
    for steps in (0, -1, 1.5):
        with pytest.raises(ValueError, match="steps: expected at least 1 frame"):
            predictor(np.zeros((3, *SHAPE), "float32"), steps=steps)


def test_many_sizes_bring_no_warning_of_tensorflows(caplog):
    for length in range(1, 8):
        backend.compiled(lambda frames: frames, [])(keras.ops.zeros(length))
    assert "retracing" not in caplog.text


def test_smaller_batches_are_filled_up_and_cut_again():
    network, shapes = predictor_of("predrnn").predictor, []
    predict = compiled_prediction(network, 2)

    def seen(frames):
        shapes.append(frames.shape)
        return predict(frames)

    clips = np.random.default_rng(0).random((5, 3, *SHAPE), np.float32)
    call = padded(seen)
    whole = predict(clips)
    for batch in (4, 1, 4, 3):
        np.testing.assert_allclose(call(clips[:batch]), whole[:batch], atol=1e-6)
    assert set(shapes) == {(4, 3, *SHAPE)}
