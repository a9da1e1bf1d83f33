"""Muon on kernels against NumPy: momentum, the iteration, the scale; Adam for vectors."""

import keras
import numpy as np
import pytest

from tfvp.config.training import TrainingConfig
from tfvp.training.optimizers import build_optimizer

KERNEL = (2, 3, 3, 4, 10)  # a matrix of 72 inputs and 10 outputs


def orthogonal(matrix):
    """Five quintic iterations on the singular values, by the SVD: the vectors stay as they are."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = values / np.sqrt((values**2).sum())
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left * values @ right


def muon(**settings):
    settings = {"kind": "muon", "learning_rate": 0.01, "momentum": 0.6, **settings}
    return build_optimizer(TrainingConfig.model_validate({"optimizer": settings}))


def test_five_updates_of_a_kernel_and_a_bias_equal_their_formulas():
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=KERNEL), rng.normal(size=10)
    variables = [keras.Variable(value.astype("float32")) for value in (kernel, bias)]
    optimizer = muon(beta_1=0.7, beta_2=0.9, epsilon=1e-3)
    optimizer.build(variables)
    momentum, m, v = np.zeros(KERNEL), 0.0, 0.0
    for t in range(1, 6):
        of_kernel, of_bias = rng.normal(size=KERNEL), rng.normal(size=10)
        gradients = [keras.ops.convert_to_tensor(g.astype("float32")) for g in (of_kernel, of_bias)]
        optimizer.apply(gradients, variables)
        momentum = 0.6 * momentum + of_kernel
        update = orthogonal((of_kernel + 0.6 * momentum).reshape(72, 10)).reshape(KERNEL)
        kernel = kernel - 0.01 * 0.2 * np.sqrt(72) * update
        m, v = 0.7 * m + 0.3 * of_bias, 0.9 * v + 0.1 * of_bias**2
        rate = 0.01 * np.sqrt(1 - 0.9**t) / (1 - 0.7**t)
        bias = bias - rate * m / (np.sqrt(v) + 1e-3)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variables[0]), kernel, atol=2e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variables[1]), bias, atol=2e-6)


@pytest.mark.parametrize("shape", [(72, 10), (3, 64), (3, 3, 5, 5)])
def test_every_direction_of_a_kernel_moves_alike(shape):
    gradient = np.random.default_rng(1).normal(size=shape).astype("float32")
    gradient[..., 0] *= 30
    kernel = keras.Variable(np.zeros(shape, "float32"))
    muon(learning_rate=1.0, momentum=0.0).apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    matrix = keras.ops.convert_to_numpy(kernel).reshape(-1, shape[-1])
    values = np.linalg.svd(matrix, compute_uv=False) / (0.2 * np.sqrt(max(matrix.shape)))
    assert values.min() > 0.6
    assert values.max() < 1.3
    root_mean_square = np.sqrt((matrix**2).mean())
    assert 0.65 * 0.2 < root_mean_square < 1.2 * 0.2  # as Adam's is at one learning rate


def test_muon_comes_back_from_its_config():
    optimizer = muon(beta_1=0.7, beta_2=0.9, epsilon=1e-3)
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert (again.momentum, again.adam_beta_1, again.adam_beta_2) == (0.6, 0.7, 0.9)


def test_the_momentum_of_muon_can_cycle():
    schedule = {"kind": "one_cycle", "base_momentum": 0.5, "max_momentum": 0.9}
    settings = {"steps": 10, "schedule": schedule, "optimizer": {"kind": "muon"}}
    optimizer = build_optimizer(TrainingConfig.model_validate(settings))
    assert isinstance(optimizer.momentum, keras.Variable)
