"""From a configuration to a network, and from a file to one."""

from importlib import import_module
from pathlib import Path
from typing import Protocol

import keras

from tfvp.backend import check_keras_settings
from tfvp.errors import WeightsError, first_line
from tfvp.models.base import VideoPredictor
from tfvp.models.cost import parameter_count
from tfvp.models.registry import MODELS
from tfvp.sections import DataSection, ModelSection


class Described(Protocol):
    """Whatever has a model section and a data section, as an `Experiment` has."""

    @property
    def model(self) -> ModelSection:
        """Return the model section."""
        ...

    @property
    def data(self) -> DataSection:
        """Return the data section."""
        ...


def build_model(experiment: Described, precision: str | None = None) -> VideoPredictor:
    """Build an experiment's network with fresh weights; `keras.utils.set_random_seed` fixes them.

    >>> from tfvp import load_config
    >>> build_model(load_config("e3d_residual", preset="quick")).frame_shape
    (32, 32, 1)

    Args:
        experiment: an `Experiment`.
        precision: the name of a Keras dtype policy in which it computes, e.g. "mixed_bfloat16";
            None: the one that is set.

    Raises:
        ConfigError: Keras is set to something that tfvp does not compute with.
    """
    check_keras_settings()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision or before)  # layers take it when they are made
    try:
        module = import_module(f"{MODELS[experiment.model.network]}.network")
        network = module.build(experiment.model, experiment.data)
    finally:
        keras.config.set_dtype_policy(before)
    network.horizon = experiment.data.predict_frames
    return network


def count_parameters(experiment: Described) -> int:
    """Return `parameter_count` of an experiment's network without allocating it.

    >>> from tfvp import load_config
    >>> count_parameters(load_config("conv_lstm_shi"))  # as published
    7585296
    """
    with keras.StatelessScope(initialize_variables=False):
        return parameter_count(build_model(experiment))


def register_networks() -> None:
    """Import every network and `GridRNN`, so that Keras knows the classes that files name."""
    for module in ("tfvp.cells.rnn", *(f"{package}.network" for package in MODELS.values())):
        import_module(module)


def load_network(path: str | Path) -> VideoPredictor:
    """Load a network from a `.keras` file, e.g. a run's export/network.keras.

    Raises:
        WeightsError: it is not there, or holds no network of tfvp.

    >>> import tempfile
    >>> from tfvp import load_config
    >>> network = build_model(load_config("predrnn", preset="quick"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network.save(f"{folder}/network.keras")
    ...     load_network(f"{folder}/network.keras").frame_shape
    (32, 32, 1)
    """
    check_keras_settings()
    register_networks()
    if not Path(path).is_file():
        raise WeightsError(f"{path}: does not exist; expected a .keras file")
    try:
        network = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its readers do
        raise WeightsError(f"{path}: cannot be loaded: {first_line(error)}") from None
    if not isinstance(network, VideoPredictor):
        raise WeightsError(f"{path}: expected a network of tfvp, got {type(network).__name__}")
    return network
