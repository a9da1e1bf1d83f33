"""What suite.json holds: the evaluations that belong together, and those that could not be made.

It lies in `<run>/evaluations/<suite>/`, beside a folder for each case that was measured, which
holds what every evaluation writes (metrics.json, per_frame.csv, per_sequence.csv, samples/).
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from tfvp.evaluation.json_files import read_json
from tfvp.evaluation.schema import Record
from tfvp.runs.folder import ResultFolder

INDEX = "suite.json"

Subject = Literal["test set", "digits", "glyphs", "history"]


class Case(Record):
    """One test set, as the network was measured on it."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="of its folder beside suite.json")
    title: str = Field(description="for tables and figures, e.g. 3 digits")
    subject: Subject = Field(description="what is varied: cases of a subject are compared")
    skipped: str = Field(default="", description="why it was not measured; empty: it was")


class Suite(Record):
    """The whole of suite.json; cases stand in the order of the figures."""

    suite: Literal["robustness"]
    cases: list[Case]

    @property
    def measured(self) -> list[Case]:
        """The cases that have a folder."""
        return [case for case in self.cases if not case.skipped]


def case_folder(suite: Path, case: Case) -> ResultFolder:
    """Where a case's results lie in a suite's folder."""
    return ResultFolder(suite / case.name)


def read_suite(folder: Path) -> Suite:
    """Read the suite.json of `<run>/evaluations/<suite>/`.

    Raises:
        RunError: it is missing, or not what a suite writes.
    """
    return read_json(Suite, folder / INDEX, "run tfvp evaluate --suite robustness")
