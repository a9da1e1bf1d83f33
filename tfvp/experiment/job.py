"""One call of the program: an experiment, its run folder, and the function that prints."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from tfvp.config.experiment import Experiment
from tfvp.config.loading import leaves, load_resolved
from tfvp.data.prepare import PreparedData, open_prepared
from tfvp.errors import ConfigError, DataError, RunError
from tfvp.runs.folder import Run, open_run, other_runs, refuse_existing
from tfvp.runs.provenance import read_provenance
from tfvp.training.distributed.workers import SingleProcess, Workers


@dataclass(frozen=True)
class Job:
    """An experiment to work on and the options of the call; every stage gets it."""

    experiment: Experiment
    console: Console
    resume: bool = False
    force: bool = False  # go on with changed settings
    workers: Workers = field(default_factory=SingleProcess)  # that train with this process
    # told of each validation, its step and metric; training ends where it returns True
    watch: Callable[[int, float], bool] | None = None

    @property
    def run(self) -> Run:
        """Return the experiment's run folder, whether it is there or not."""
        return Run(self.experiment.results / self.experiment.name)

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, highlight=False, markup=False)

    def open_data(self) -> PreparedData:
        """Open the experiment's data, and make sure that it is what the run was trained on.

        Raises:
            DataError: it is not prepared, damaged, or other data than the run's.
        """
        prepared = open_prepared(self.experiment.data)
        if self.run.provenance_path.is_file():
            trained_on = read_provenance(self.run).get("data_hash")
            if trained_on != prepared.hash and not self.force:
                raise DataError(
                    f"{self.run.root} was trained on the data {trained_on}, but {prepared.folder} "
                    "is what its settings give now (other digits were found, or it was prepared "
                    "anew by another version); name the digits with data.digits, or start a new run"
                )
        return prepared

    def check_can_train(self) -> None:
        """Find out before any work whether training may begin.

        Raises:
            RunError: a run is in the way, or the one to resume is missing or another experiment's.
            ConfigError: a fine-tuning configuration without weights, or callbacks that are none.
        """
        # The command line knows this file, and starts without Keras.
        from tfvp.training.own_callbacks import load_callbacks

        init = self.experiment.training.init
        load_callbacks(self.experiment.training.callbacks)
        if self.resume:
            if not os.path.lexists(self.run.root):
                raise RunError(
                    f"{self.run.root} does not exist: nothing was trained yet under this name; "
                    f"leave out --resume to begin{other_runs(self.run.root)}"
                )
            self.check_same_experiment()
            return
        refuse_existing(self.run)
        if init.required and not init.source:
            raise ConfigError(
                f"{self.experiment.name} fine-tunes: give it weights with --init-from (a run's "
                "folder, preset:NAME, a .keras or .npz file, or the prefix of a TF1 checkpoint)"
            )
        if init.optimizer and not init.source:
            raise ConfigError(
                "training.init.optimizer: true needs weights to start from (--init-from)"
            )

    def check_same_experiment(self) -> dict[str, tuple[Any, Any]]:
        """Make sure that the run there is of this experiment; how it is evaluated may change.

        Returns:
            The settings that differ, by key: (the run's value, the value now). Without `force`
            there are none.

        Raises:
            RunError: there is no such run, or another experiment's; names the differing keys.
        """
        before = _settings(load_resolved(open_run(self.run.root).config_path))
        now = _settings(self.experiment)
        files = (file.key for file in self.experiment.model.pretrained_files)  # a run holds them
        changed = {
            key: (before.get(key), now.get(key))
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key) and not key.startswith((*MAY_CHANGE, *files))
        }
        if changed and not self.force:
            listed = [
                f"{key} ({old!r} in the run, now {new!r})" for key, (old, new) in changed.items()
            ]
            raise RunError(
                f"{self.run.root} is a run of another experiment: {'; '.join(listed)}; use the "
                "same configuration, --name for a new run, or --resume --force to go on changed"
            )
        return changed


# Without another experiment coming of it: how it is measured, and where things lie (a run may be
# moved, its data are known by their hash).
MAY_CHANGE = ("evaluation.", "data.root", "data.prepared", "results")


def _settings(experiment: Experiment) -> dict[str, Any]:
    return dict(leaves(experiment.model_dump(mode="json")))
