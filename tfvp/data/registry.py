"""Every dataset by its name; this file and the sections it loads need no TensorFlow.

A dataset is a package with `SECTION`, its configuration section, and a module `dataset` with
`DATASET`, a subclass of `tfvp.data.base.Dataset`. An outside package adds one by an entry point of
the group "tfvp.datasets", whose name is the dataset's and whose value is such a package.
"""

from importlib import import_module

from tfvp.data.base import Dataset
from tfvp.sections import DataSection
from tfvp.system.plugins import find_plugins

DATASETS, UNUSABLE = find_plugins(
    "tfvp.datasets",
    {
        "moving_mnist": "tfvp.data.moving_mnist",
        "kth": "tfvp.data.kth",
        "kitti": "tfvp.data.kitti",
        "clips": "tfvp.data.user_videos",
    },
    "SECTION",
)
"""Name, the value of `data.dataset` -> package."""


def sections() -> dict[str, type[DataSection]]:
    """Return every dataset's section by the dataset's name, the default first."""
    return {name: import_module(package).SECTION for name, package in DATASETS.items()}


def dataset_of(config: DataSection) -> Dataset:
    """Return the dataset that a data section names, with the section's settings.

    >>> from tfvp import load_config
    >>> type(dataset_of(load_config("predrnn").data)).__name__
    'MovingMnistDataset'
    """
    return import_module(f"{DATASETS[config.dataset]}.dataset").DATASET(config)
