"""Every dataset by its name; this file and the sections it loads need no TensorFlow.

A dataset is a package with `SECTION`, its configuration section, and a module `dataset` with what
`Dataset` lists. An outside package adds one by an entry point of the group "tfvp.datasets", whose
name is the dataset's and whose value is such a package.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from tfvp.data.records import ClipSource
from tfvp.data.shards import Draft
from tfvp.sections import DataSection
from tfvp.system.plugins import find_plugins

Report = Callable[[str], None]

DATASETS, UNUSABLE = find_plugins(
    "tfvp.datasets",
    {
        "moving_mnist": "tfvp.data.moving_mnist",
        "kth": "tfvp.data.kth",
        "kitti": "tfvp.data.kitti",
        "clips": "tfvp.data.user_videos",
    },
)
"""Name, the value of `data.dataset` -> package."""


class Dataset(NamedTuple):
    """What the module `dataset` of a dataset's package offers; `config` is its own section."""

    draft: Callable[[Any, Report], Draft]  # (config, report) -> what is to be prepared
    rank: Callable[[Any, Mapping[str, Any]], int | None]  # (config, prepared settings): 0 best
    endless: Callable[[Any, Mapping[str, Any], Report], ClipSource] | None  # new clips for ever


def sections() -> dict[str, type[DataSection]]:
    """Every dataset's section by its name, the default first."""
    return {name: import_module(package).SECTION for name, package in DATASETS.items()}


def dataset_of(config: DataSection) -> Dataset:
    """What the dataset that a section names offers."""
    module = import_module(f"{DATASETS[config.dataset]}.dataset")
    return Dataset(module.draft, module.rank, getattr(module, "endless", None))
