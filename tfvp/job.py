"""One call of the program: an experiment, where it writes, and how it talks."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from tfvp.config import Experiment
from tfvp.config_files import leaves, load_resolved
from tfvp.errors import RunError
from tfvp.runs import Run, open_run


@dataclass(frozen=True)
class Job:
    """An experiment to work on; stages take it."""

    experiment: Experiment
    console: Console
    resume: bool = False

    @property
    def run(self) -> Run:
        """The experiment's run folder, there or not."""
        return Run(self.experiment.results / self.experiment.name)

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, markup=False)

    def check_same_experiment(self) -> None:
        """Make sure that the run there is of this experiment; how it is evaluated may change.

        Raises:
            RunError: there is no such run, or another experiment's; names the differing keys.
        """
        before = _settings(load_resolved(open_run(self.run.root).config_path))
        now = _settings(self.experiment)
        differing = [
            f"{key} ({before.get(key)!r} in the run, now {now.get(key)!r})"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key) and not key.startswith(_MAY_CHANGE)
        ]
        if differing:
            raise RunError(
                f"{self.run.root} is a run of another experiment: {'; '.join(differing)}; use the "
                "same configuration, or --name for a new run"
            )


_MAY_CHANGE = ("evaluation.", "data.root")


def _settings(experiment: Experiment) -> dict[str, Any]:
    return dict(leaves(experiment.model_dump(mode="json")))
