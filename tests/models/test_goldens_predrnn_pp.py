"""PredRNN++ with norms: exact in float64, and how far float32 takes any program from that.

Its golden cannot be met to 1e-5: the golden itself, made in float32, is 1e-4 from what its
equations give. So three things are shown instead. In float64 our network is the equations, to
1e-10. A single rounding of frames and weights, to the precision of float32, moves predictions and
gradients further than the golden is away, though that was rounded at every operation. Nor is ours,
in float32, further away.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.goldens_table import ENLARGED, GOLDENS, relative_error
from tests.helpers.program_names import variables_of
from tests.oracles import predrnn_pp as oracle
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.recurrent import RecurrentPredictor

pytestmark = pytest.mark.slow
ROUNDING = float(np.finfo("float32").eps) / 2  # the largest relative error of one


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def numbers():
    with np.load(GOLDENS / "predrnn_pp.npz", allow_pickle=False) as file:
        return dict(file)


class Network:
    """Ours, with the golden's weights, its predictions and the gradients of half the squares."""

    def __init__(self, numbers, dtype: str):
        self.dtype = dtype
        core = PredRNNPP((4, 3, 3, 3), dtype=dtype)
        self.predictor = RecurrentPredictor(core, (4, 4, 4), dtype=dtype)
        self.variables = variables_of(core)
        self.weights = {name: numbers[f"var/{name}"].astype(dtype) for name in self.variables}
        self.frames = numbers["in/frames"].astype(dtype)
        self.teacher_forcing_mask = numbers["in/real_input_flag"][..., 0, 0, 0].astype(dtype)
        exact = dtype == "float64"  # that one is run often
        self._call = tf.function(self._eager, autograph=False) if exact else self._eager

    def _eager(self, frames, mask):
        with tf.GradientTape() as tape:
            predictions = self.predictor({"frames": frames, "teacher_forcing_mask": mask})
            loss = 0.5 * tf.reduce_sum(tf.square(predictions - frames[:, 1:]))
        return predictions, tape.gradient(loss, [v.value for v in self.variables.values()])

    def run(self, change=lambda value: value, *, free: bool = False):
        """Predictions, and gradients by released name, with every number given changed first.

        free: nothing of the future is read.
        """
        for name, variable in self.variables.items():
            variable.assign(change(self.weights[name]))
        mask = 0 * self.teacher_forcing_mask if free else self.teacher_forcing_mask
        predictions, gradients = self._call(tf.constant(change(self.frames)), tf.constant(mask))
        return to_numpy(predictions), dict(
            zip(self.variables, map(to_numpy, gradients), strict=True)
        )


@pytest.fixture(scope="module")
def exact(numbers):
    """Ours in float64, and what it gives."""
    network = Network(numbers, "float64")
    return network, *network.run()


def roundings():
    """32 ways to round, each a function of an array."""
    for seed in range(32):
        rng = np.random.default_rng(seed)
        yield lambda x, rng=rng: x * (1 + ROUNDING * rng.choice([-1, 1], x.shape))


@pytest.fixture(scope="module")
def moved_by_rounding(exact):
    """The most that a rounding of all frames and weights does, see `distances`."""
    moved = [distances(exact[0].run(rounding), exact) for rounding in roundings()]
    exact[0].run()  # the golden's weights again
    return np.max(moved, axis=0)


def distances(found, exact) -> tuple[float, float]:
    """Of predictions and of the worst gradient, from what float64 gives."""
    predictions, gradients = found
    worst = max(relative_error(gradients[name], wanted) for name, wanted in exact[2].items())
    return relative_error(predictions, exact[1]), worst


def equations(network: Network, change=None):
    """The oracle's predictions, perhaps with weights that are changed, by their paths."""

    def values(layer):
        return {
            v.path.removeprefix(f"{layer.path}/"): to_numpy(v) + (change[v.path] if change else 0)
            for v in layer.weights
        }

    core = network.predictor.core
    weights = [values(layer) for layer in (*core.cells, core.highway)]
    decoder = values(core.decoder)
    return np.stack(
        [
            oracle.predict(clip, mask, weights, (decoder["kernel"], decoder["bias"]))
            for clip, mask in zip(network.frames, network.teacher_forcing_mask, strict=True)
        ]
    )


def test_in_float64_our_predictions_are_the_equations(exact):
    network, predictions, _ = exact
    assert predictions.dtype == np.float64
    assert relative_error(predictions, equations(network)) < 1e-10


def test_in_float64_our_gradients_are_the_slope_of_the_equations(exact):
    """Along random directions of all weights at once."""
    network, _, gradients = exact
    step = 1e-8  # what is curved so much needs a small one
    for seed in range(3):
        rng = np.random.default_rng(seed)
        direction = {v.path: rng.normal(size=v.shape) for v in network.variables.values()}
        up, down = (
            0.5
            * np.sum(
                np.square(
                    equations(network, {k: s * step * d for k, d in direction.items()})
                    - network.frames[:, 1:]
                )
            )
            for s in (1, -1)
        )
        along = sum(
            np.sum(gradients[name] * direction[v.path]) for name, v in network.variables.items()
        )
        scale = np.sqrt(sum(np.sum(np.square(g)) for g in gradients.values()))
        assert (up - down) / (2 * step) == pytest.approx(along, abs=1e-6 * scale)


def test_rounding_what_is_given_moves_it_further_than_the_golden_is_away(
    numbers, exact, moved_by_rounding
):
    golden = numbers["out/predictions"], {name: numbers[f"grad/{name}"] for name in exact[2]}
    away = np.array(distances(golden, exact))
    assert away == pytest.approx((9.6e-5, 1.48e-3), rel=0.01)
    assert np.all(away < moved_by_rounding)
    assert ENLARGED["predrnn_pp"] == pytest.approx(moved_by_rounding, rel=0.02)


def test_ours_in_float32_is_no_further_away(numbers, exact, moved_by_rounding):
    away = np.array(distances(Network(numbers, "float32").run(), exact))
    assert np.all(away < moved_by_rounding)


@pytest.fixture(scope="module")
def running_free(exact):
    """The last three predictions of twelve in float64, and the most that a rounding moves them."""
    network = exact[0]
    free = network.run(free=True)[0][:, -3:]
    moved = max(relative_error(network.run(r, free=True)[0][:, -3:], free) for r in roundings())
    network.run()
    return free, moved


def test_running_free_the_golden_is_moved_a_rounding_and_its_twelfth(numbers, running_free):
    free, moved = running_free
    away = relative_error(numbers["out/predictions_free_running"][:, -3:], free)
    assert away == pytest.approx(2.018e-4, rel=0.01)
    assert moved == pytest.approx(1.877e-4, rel=0.02)


def test_running_free_ours_in_float32_is_no_further_away_than_a_rounding(numbers, running_free):
    free, moved = running_free
    assert relative_error(Network(numbers, "float32").run(free=True)[0][:, -3:], free) < moved


def test_predicted_frames_are_those_of_running_free(exact, running_free):
    predictor, frames = exact[0].predictor, exact[0].frames
    ours = predictor.predict_frames(frames[:, :-3], 3)
    np.testing.assert_allclose(ours, running_free[0], atol=1e-12)
