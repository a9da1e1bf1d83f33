"""A validation measures by hand-computed values, and draws what it measured."""

import io

import numpy as np
import pytest
from PIL import Image

from tfvp.evaluation.schema import History
from tfvp.training import validation
from tfvp.training.validation import Measured, validate

CONTEXT, SHAPE = 3, (5, 8, 10, 1)


def batches() -> list[np.ndarray]:
    """Five clips in two batches: clip i is i / 10 everywhere, its last frame 0.1 brighter."""
    clips = np.stack([np.full(SHAPE, i / 10, np.float32) for i in range(5)])
    clips[:, -1] += 0.1
    return [clips[:4], clips[4:]]


def filled(value: float) -> Measured:
    return Measured(lambda context: np.full((len(context), 2, 8, 10, 1), value))


def test_error_and_curves_by_hand(monkeypatch):
    """80 pixels; predictions are 0.5: (i / 10 - 0.5)^2 in frame 4, (i / 10 - 0.4)^2 in frame 5."""
    drawn = {}
    monkeypatch.setattr(validation, "frame_curves", lambda curves, _: drawn.update(curves) or b"")
    halves = validate(filled(0.5), batches(), CONTEXT)
    fourth = 80 * np.mean([0.25, 0.16, 0.09, 0.04, 0.01])
    fifth = 80 * np.mean([0.16, 0.09, 0.04, 0.01, 0.0])
    assert halves.metrics == {"mse": pytest.approx((fourth + fifth) / 2)}
    np.testing.assert_allclose(drawn["network"], [fourth, fifth], rtol=1e-5)
    np.testing.assert_allclose(drawn["copy last frame"], [0, 80 * 0.01], rtol=1e-5)


def test_the_filmstrips_are_of_the_first_clips_and_their_predictions():
    shown = validate(filled(0.8), batches(), CONTEXT).pictures
    assert list(shown) == ["by_frame/mse", *(f"filmstrips/clip_{n}" for n in range(3))]
    for number in range(3):
        pixels = np.asarray(
            Image.open(io.BytesIO(shown[f"filmstrips/clip_{number}"])).convert("RGB")
        )
        gray = pixels[(pixels == pixels[..., :1]).all(axis=-1)][:, 0]
        for level in (number / 10, 0.8):  # the context; the prediction
            assert (gray == round(255 * level)).sum() > 500, level
    curve = Image.open(io.BytesIO(shown["by_frame/mse"]))
    assert min(curve.size) >= 400


def test_a_reconstruction_beside_the_prediction_is_measured_against_the_context():
    """80 pixels; copies are 0.1 off in the last frame, what is given back is 0.1 brighter."""
    copied = Measured(lambda context: context[:, -1:].repeat(2, axis=1))
    brighter = Measured(lambda context: context + 0.1, History.RECONSTRUCTED)
    found = validate(copied, batches(), CONTEXT, others={"mse_reconstruction": brighter})
    assert found.metrics == pytest.approx({"mse": 0.4, "mse_reconstruction": 0.8}, rel=1e-5)
