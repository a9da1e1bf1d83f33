"""Every network by its name; this file and the sections it loads need no Keras.

A network is a package with `INFO`, a `ModelInfo`, and a module `network` with `build(section, data)
-> VideoPredictor`. An outside package adds one by an entry point of the group "tfvp.models", whose
name is the network's and whose value is such a package.
"""

from importlib import import_module

from tfvp.models.info import ModelInfo
from tfvp.sections import ModelSection
from tfvp.system.plugins import find_plugins

MODELS, UNUSABLE = find_plugins(
    "tfvp.models",
    {
        "eidetic_stack": "tfvp.models.e3d_lstm",
        "conv_lstm_stack": "tfvp.models.conv_lstm_stack",
        "conv_lstm_forecaster": "tfvp.models.conv_lstm_forecaster",
        "conv_lstm_skip": "tfvp.models.conv_lstm_skip",
        "fc_lstm": "tfvp.models.fc_lstm",
        "simple_lstm": "tfvp.models.simple_lstm",
        "recurrent_autoencoder": "tfvp.models.recurrent_autoencoder",
        "spatio_temporal": "tfvp.models.spatio_temporal_autoencoder",
        "predrnn": "tfvp.models.predrnn",
        "predrnn_pp": "tfvp.models.predrnn_pp",
        "prednet": "tfvp.models.prednet",
        "simvp": "tfvp.models.simvp",
        "tau": "tfvp.models.tau",
        "tau_flow": "tfvp.models.tau_flow",
        "vpn": "tfvp.models.vpn",
        "dfn": "tfvp.models.dfn",
        "frnn": "tfvp.models.frnn",
        "cdna": "tfvp.models.cdna",
    },
    attribute="INFO",
)
"""Name, the value of `model.network` -> package."""


def info(name: str) -> ModelInfo:
    """Return the description of a network.

    >>> info("predrnn_pp").paper
    'Wang et al. 2018 (PredRNN++, ICML)'
    """
    return import_module(MODELS[name]).INFO


def list_models() -> list[str]:
    """Return the names of all networks, as `model.network` takes them.

    >>> list_models()[:2]
    ['cdna', 'conv_lstm_forecaster']
    """
    return sorted(MODELS)


def sections() -> dict[str, type[ModelSection]]:
    """Return every network's configuration section by its name, the default first."""
    return {name: info(name).section for name in MODELS}
