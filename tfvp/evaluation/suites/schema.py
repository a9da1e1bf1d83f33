"""The schema of suite.json, which lists a suite's evaluations and those that could not be made.

The file lies in `<run>/evaluations/<suite>/`, beside a folder for each case that was measured.
Such a folder holds the files of an evaluation: metrics.json, per_frame.csv, per_sequence.csv and
samples/.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from tfvp.evaluation.schema import Record, read_json
from tfvp.runs.folder import ResultFolder

INDEX = "suite.json"

Subject = Literal["test set", "digits", "glyphs", "history"]


class Case(Record):
    """One test set of a suite; its results lie in a folder of its name."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", description="of its folder beside suite.json")
    title: str = Field(description="for tables and figures, e.g. 3 digits")
    subject: Subject = Field(description="what is varied: cases of a subject are compared")
    skipped: str = Field(default="", description="why it was not measured; empty: it was")


class Suite(Record):
    """The content of suite.json; the cases stand in the order of the figures."""

    suite: Literal["robustness"]
    cases: list[Case]

    @property
    def measured(self) -> list[Case]:
        """The cases that were measured, and so have a folder."""
        return [case for case in self.cases if not case.skipped]


def case_folder(suite: Path, case: Case) -> ResultFolder:
    """The folder of a case's results inside a suite's folder."""
    return ResultFolder(suite / case.name)


def read_suite(folder: Path) -> Suite:
    """Read the suite.json of `<run>/evaluations/<suite>/`.

    Raises:
        RunError: the file is missing, or does not have this schema.
    """
    return read_json(Suite, folder / INDEX, "run tfvp evaluate --suite robustness")
