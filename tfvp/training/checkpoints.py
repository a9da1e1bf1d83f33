"""A run's checkpoints: all that training needs to go on, one file a step, never half-written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfvp.errors import RunError, WeightsError, first_line
from tfvp.runs.checkpoint_files import checkpoint_path, checkpoint_steps
from tfvp.system.files import replacing, write_json
from tfvp.training.early_stopping import Best
from tfvp.training.optimizers import MOMENTUM
from tfvp.training.weight_average import WeightAverage

# "weights/…", "average/…", "optimizer/…" by variable path; "random/…" by number; "step"; after a
# validation "best/…", see `Best`
State = dict[str, np.ndarray]


class Checkpoints:
    """The checkpoints of one run, `step-00000500.npz` and so on; `best.json` names the best.

    Args:
        folder: the folder of the checkpoints.
        keep: how many of the newest to keep, besides the best.
        report: called with a line about each damaged checkpoint that is passed over.
    """

    def __init__(self, folder: Path, *, keep: int = 5, report: Callable[[str], None] = print):
        self.folder = folder
        self.keep = keep
        self.report = report

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in order."""
        return checkpoint_steps(self.folder)

    def path(self, step: int) -> Path:
        """Return the file of a step's checkpoint, whether it is there or not."""
        return checkpoint_path(self.folder, step)

    @property
    def best(self) -> dict[str, Any] | None:
        """Return step, metric and value of the best checkpoint by validation; None: it has none.

        Raises:
            RunError: best.json is damaged.
        """
        record = self.folder / "best.json"
        if not record.is_file():
            return None
        try:
            best = json.loads(record.read_text("utf-8"))
            if not isinstance(best["step"], int):
                raise ValueError(f"expected a step, got {best['step']!r}")
            float(best["value"])
            return {**best, "metric": str(best["metric"])}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{record}: damaged ({type(error).__name__}: {error}); remove it to use the newest "
                "checkpoint (evaluation.checkpoint: last)"
            ) from None

    def save(self, step: int, state: State) -> None:
        """Write a checkpoint, then remove those of our own that are no longer kept.

        Args:
            step: the number of steps taken.
            state: everything that training needs to go on, see `state_of`.

        Raises:
            RunError: it cannot be written; earlier checkpoints are as they were.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.path(step)) as temporary:
                np.savez(temporary, **state)  # pyright: ignore[reportArgumentType]
            best = Best.of(state)
            if best and best.step == step:
                self._record(best)
        except OSError as error:
            raise self._unwritable(self.path(step), error) from None
        kept = {self.best["step"]} if self.best else set()
        for old in self.steps()[: -self.keep]:
            if old not in kept:
                self.path(old).unlink()

    def go_back(self, state: State) -> None:
        """Make the record of the best what it was in a state; remove what was never finished."""
        for path in self.folder.glob(".step-*.new*"):
            path.unlink()
        best = Best.of(state)
        if best and self.path(best.step).is_file():
            self._record(best)
        elif self.best and self.best["step"] > int(state["step"]):  # it will come again
            (self.folder / "best.json").unlink(missing_ok=True)

    def _record(self, best: Best) -> None:
        record = {"step": best.step, "metric": best.metric, "value": best.value}
        write_json(self.folder / "best.json", record)

    def _unwritable(self, path: Path, error: OSError) -> RunError:
        last = [step for step in self.steps() if self.path(step) != path][-1:]
        good = f"the last good checkpoint is {self.path(last[0])}" if last else "there is none yet"
        return RunError(
            f"{path}: cannot be written: {error.strerror or error}; {good}; make room and "
            "continue with --resume"
        )

    def load(self, step: int) -> State:
        """Read one checkpoint.

        Raises:
            WeightsError: it is missing or damaged.
        """
        return read_state(self.path(step))

    def load_latest(self) -> tuple[int, State]:
        """Read the newest checkpoint that is whole; a damaged one is reported and passed over.

        Raises:
            WeightsError: there is none.
        """
        for step in reversed(self.steps()):
            try:
                return step, self.load(step)
            except WeightsError as error:
                self.report(f"warning: {error}; trying the one before")
        raise WeightsError(
            f"{self.folder}: no whole checkpoint to go on from; start a new run with --name NEW"
        )


def read_state(path: Path) -> State:
    """Read a checkpoint file; damage shows because every array carries a checksum.

    Raises:
        WeightsError: it is missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such checkpoint") from None
    except Exception as error:  # readers of zip and npy files raise whatever a flipped bit leads to
        raise WeightsError(f"{path} is damaged: {first_line(error)}") from None


def state_of(
    step: int,
    predictor: keras.Model,
    average: WeightAverage,
    optimizer: keras.optimizers.Optimizer,
) -> State:
    """Return everything that training carries from one step to the next, as NumPy arrays."""
    state: State = {"step": np.asarray(step)}
    for kind, named in _variables(predictor, average, optimizer).items():
        for name, variable in named.items():
            state[f"{kind}/{name}"] = keras.ops.convert_to_numpy(variable)
    return state


def restore(
    state: State,
    predictor: keras.Model,
    average: WeightAverage,
    optimizer: keras.optimizers.Optimizer,
) -> None:
    """Assign a state, all but what follows a schedule, as settings and step give that.

    Raises:
        WeightsError: the state is that of another network or optimizer.
    """
    variables = _variables(predictor, average, optimizer)
    for name in ("learning_rate", *MOMENTUM.values()):
        variables["optimizer"].pop(f"{optimizer.name}/{name}", None)
    for kind, named in variables.items():
        assign(named, {name: state.get(f"{kind}/{name}") for name in named})


def weights_of(state: State, kind: str) -> dict[str, np.ndarray]:
    """Return the "weights" or the "average" of a state, by variable path.

    A weight that was not trained has no average of its own: it is its own average.
    """
    weights = {
        name.removeprefix("weights/"): value
        for name, value in state.items()
        if name.startswith("weights/")
    }
    if kind == "weights":
        return weights
    return {name: state.get(f"average/{name}", value) for name, value in weights.items()}


def assign(named: dict[str, keras.Variable], values: dict[str, np.ndarray | None]) -> None:
    """Assign values to variables of the same names after checking all of them.

    Raises:
        WeightsError: one is missing, has another shape or values that are not finite numbers;
            nothing was assigned.
    """
    for name, variable in named.items():
        value = values.get(name)
        if value is None:
            raise WeightsError(
                f"{name}: not in the checkpoint; it belongs to another network or optimizer"
            )
        if tuple(value.shape) != tuple(variable.shape):
            raise WeightsError(
                f"{name}: the network has shape {tuple(variable.shape)}, the checkpoint "
                f"{tuple(value.shape)}; model.hidden, model.cell.kernel, model.wiring, "
                "model.patch_px and the data's channels decide it"
            )
        if value.dtype.kind not in "fiub" or not np.isfinite(value).all():
            raise WeightsError(
                f"{name}: expected finite real numbers, got "
                + (f"type {value.dtype}" if value.dtype.kind not in "fiub" else "NaN or infinity")
            )
    for name, variable in named.items():
        variable.assign(values[name])


def _variables(
    predictor: keras.Model, average: WeightAverage, optimizer: keras.optimizers.Optimizer
) -> dict[str, dict[str, keras.Variable]]:
    averages = zip(average.weights, average.averages, strict=True)
    weights = {id(weight) for weight in predictor.weights}
    # Layers that drop something at random; Keras numbers their paths anew in every process.
    random = (v for v in predictor.variables if id(v) not in weights)
    return {
        "weights": {weight.path: weight for weight in predictor.weights},
        "average": {weight.path: variable for weight, variable in averages},
        "optimizer": {variable.path: variable for variable in optimizer.variables},
        "random": {str(number): variable for number, variable in enumerate(random)},
    }
