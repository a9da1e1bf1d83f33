"""What a dataset offers: a plan of what is to be prepared, and whether prepared data match."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from rich.console import Console

from tfvp.data.records import ClipSource
from tfvp.sections import DataSection

Report = Callable[[str], None]
"""Takes a line for the console."""

DataSectionT = TypeVar("DataSectionT", bound=DataSection)


@dataclass(frozen=True)
class DatasetContents:
    """What is written of a dataset: the clips of every split, and what must be known of them."""

    settings: dict[str, Any]  # decide the bytes and name the folder; as they are after JSON
    facts: dict[str, Any]  # for tables, ready for JSON: title, terms, citation (a list) and others
    splits: Mapping[str, ClipSource]  # each with a count
    # What the raw data lack; empty: nothing. The rest is written all the same, and an error says
    # that `data.allow_missing`, a key of such a dataset, makes do with it.
    incomplete: str = ""


class DatasetPlan(NamedTuple):
    """What is known before the raw data are decoded: enough to find what was prepared before."""

    settings: dict[str, Any]  # those of the contents
    # Decodes and checks the raw data, with progress on the console; raises DataError.
    read: Callable[[Console], DatasetContents]


class Dataset(ABC, Generic[DataSectionT]):
    """A dataset with the settings of a configuration.

    The module `dataset` of a dataset's package has a subclass under the name DATASET. Making an
    object of it reads nothing.

    Args:
        config: the configuration's data section, of the dataset's own class.
    """

    def __init__(self, config: DataSectionT):
        self.config = config

    @abstractmethod
    def wanted_settings(self) -> dict[str, Any]:
        """Return the settings that decide the bytes, as far as the configuration knows them.

        Returns:
            texts, numbers, lists and dicts, as they are after JSON (no tuples).
        """

    @abstractmethod
    def plan(self, report: Report) -> DatasetPlan:
        """Look for the raw data and say what they are; decoding is left to the plan's `read`.

        Args:
            report: takes lines for the console.

        Returns:
            a plan whose settings are the wanted ones and what tells these raw data from others.

        Raises:
            NoRawData: there are none; what was prepared from them before serves.
            DataError: they are damaged, or not what the configuration asks for.
        """

    def match_score(self, settings: Mapping[str, Any]) -> int | None:
        """Say how well prepared data match the configuration; the highest score is the best.

        Args:
            settings: those in the manifest of the prepared data.

        Returns:
            0 for what was asked for, less for what only stands in for it, None for other data.
        """
        return 0 if self.wanted_settings().items() <= settings.items() else None

    def endless_clips(self, settings: Mapping[str, Any], report: Report) -> ClipSource:
        """Return new training clips without end; asked for where the section says `endless`.

        Args:
            settings: those in the manifest of the prepared data.
            report: takes lines for the console.

        Raises:
            DataError: the raw data that they are made from are not found again.
        """
        raise NotImplementedError(f"data.dataset {self.config.dataset} has no endless clips")
