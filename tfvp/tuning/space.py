"""Reads a space of settings: for each key of a configuration the values that a search may try."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tfvp.config.experiment import Experiment
from tfvp.config.extends import config_folders
from tfvp.config.messages import did_you_mean, known_keys
from tfvp.config.yaml import read_mapping
from tfvp.errors import ConfigError

Load = Callable[[list[str]], Experiment]
"""Overrides such as `training.steps=10` -> the experiment with them; raises ConfigError."""

# Trials with other values here could not be compared: they name runs, say where things lie, are the
# search's own, or change what a trial is judged by.
_NOT_SEARCHED = {
    **dict.fromkeys(("name", "config", "title", "label", "preset", "results"), "it names the run"),
    "training.seed": "a search for seeds would choose by luck; repeat the best with --seeds",
    "training.validation": "trials are judged by it",
    "evaluation": "trials are judged on the validation split",
    "data": "trials must see the same data; only data.train_… may differ",
}
_SPEC = "expected {values: [...]}, or {low: , high: } with log: true or step: where wished"


@dataclass(frozen=True)
class Parameter:
    """One thing that a search varies.

    Args:
        name: a key of the configuration, or several with commas between them, which share a value.
        values: those to choose from; empty: a range.
        low: the least value of a range.
        high: its largest.
        log: whether a range is searched on a logarithmic scale.
        step: the distance of the values of a range; None: any between the two.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None

    @property
    def keys(self) -> list[str]:
        """Return the configuration's keys."""
        return [key.strip() for key in self.name.split(",")]

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """Return the values as JSON, by which a study stores lists too."""
        return tuple(json.dumps(value) for value in self.values)

    @property
    def whole(self) -> bool:
        """Return whether a range is one of whole numbers."""
        return all(isinstance(each, int) for each in (self.low, self.high, self.step or 0))

    def steps(self) -> list[Any] | None:
        """Return all values in order, as a study stores them; None: there are endlessly many."""
        if self.values:
            return list(self.choices)
        step = self.step or (1 if self.whole and not self.log else None)
        if step is None:
            return None
        count = int((self.high - self.low) / step + 1e-9) + 1
        return [self.low + i * step for i in range(count)]

    def including(self, stored: Any) -> "Parameter":
        """Return the parameter with a value among those to choose from, as a study stores it."""
        if not self.values or stored in self.choices:
            return self
        return replace(self, values=(json.loads(stored), *self.values))

    def suggest(self, trial: Any) -> Any:
        """Let an Optuna trial choose a value; returns it as the study stores it."""
        if self.values:
            return trial.suggest_categorical(self.name, self.choices)
        low, high = self.low, self.high
        if self.whole:
            return trial.suggest_int(self.name, low, high, step=self.step or 1, log=self.log)
        return trial.suggest_float(self.name, low, high, step=self.step, log=self.log)

    def overrides(self, stored: Any) -> list[str]:
        """Write `key=value` for each key, of a value as the study stores it."""
        text = stored if self.values else json.dumps(stored)
        return [f"{key}={text}" for key in self.keys]

    def stored(self, experiment: Experiment) -> Any:
        """Return the value that an experiment has, as a study stores it."""
        value: Any = experiment.model_dump(mode="json")
        for part in self.keys[0].split("."):
            value = value[part]
        return json.dumps(value) if self.values else value


def read_space(path: Path, load: Load) -> list[Parameter]:
    """Read a space and try each of its values in the configuration that is searched.

    Args:
        path: a YAML file, `key: {values: [...]}` or `key: {low, high, log, step}` each.
        load: of the configuration.

    Raises:
        ConfigError: the file is not there or not of this form, or a key or value is not allowed.
    """
    space = [_parameter(path.name, name, spec) for name, spec in read_mapping(path).items()]
    if not space:
        raise ConfigError(f"{path.name}: is empty; {_SPEC} for at least one key")
    keys = [key for parameter in space for key in parameter.keys]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ConfigError(f"{path.name}: {twice[0]} stands in it twice")
    for parameter in space:
        _check_keys(path.name, parameter)
        tried = parameter.choices or (parameter.low, parameter.high)
        for stored in tried:
            try:
                load(parameter.overrides(stored))
            except ConfigError as error:
                said = str(error).removeprefix("--set: ")
                raise ConfigError(f"{path.name}: {parameter.name}: {said}") from None
    return space


def find_space(name_or_path: str) -> Path:
    """Find a space by its path or, of those that come with tfvp, by its bare name.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    given = Path(name_or_path).expanduser()
    folders = [folder / "spaces" for folder in config_folders()]
    tried = [given, *(folder / f"{given.stem}.yaml" for folder in folders if len(given.parts) == 1)]
    for path in tried:
        if path.is_file():
            return path
    names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    raise ConfigError(
        f"--space {name_or_path}: no such file; those that come with tfvp: {', '.join(names)}"
        f"{did_you_mean(given.stem, names)}"
    )


def _parameter(where: str, name: str, spec: Any) -> Parameter:
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{where}: {name}: {_SPEC}; got {spec!r}")
    known = ["values"] if "values" in spec else ["low", "high", "log", "step"]
    for key in spec:
        if key not in known:
            near = did_you_mean(key, [*known, "values"])
            raise ConfigError(f"{where}: {name}: unknown {key}; {_SPEC}{near}")
    if "values" in spec:
        values = spec["values"]
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{where}: {name}.values: expected a list of values, got {values!r}")
        if len({json.dumps(value) for value in values}) < len(values):
            raise ConfigError(f"{where}: {name}.values: a value stands in it twice: {values!r}")
        return Parameter(name, values=tuple(values))
    for problem in _problems_of_range(spec):
        raise ConfigError(f"{where}: {name}: {problem}")
    return Parameter(name, **spec)


def _problems_of_range(spec: Mapping[str, Any]) -> Iterator[str]:
    low, high, log, step = (spec.get(key) for key in ("low", "high", "log", "step"))
    for key, value in (("low", low), ("high", high), *([("step", step)] if "step" in spec else [])):
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{key}: expected a number, got {value!r}; {_SPEC}"
            return
    if not isinstance(log, bool | None):
        yield f"log: expected true or false, got {log!r}"
    if low is not None and high is not None and not low < high:
        yield f"low must be below high, got {low} and {high}"
    if log and low is not None and low <= 0:
        yield f"log: true needs low above 0, got {low}"
    if step is not None and step <= 0:
        yield f"step must be above 0, got {step}"
    if log and step is not None:
        yield "log and step exclude each other"


def _check_keys(where: str, parameter: Parameter) -> None:
    known = list(dict.fromkeys(known_keys()))
    for key in parameter.keys:
        if key not in known:
            raise ConfigError(f"{where}: {key}: unknown key{did_you_mean(key, known)}")
        if key.startswith("data.train_"):
            continue
        for prefix, reason in _NOT_SEARCHED.items():
            if key == prefix or key.startswith((f"{prefix}.", f"{prefix}_")):
                raise ConfigError(f"{where}: {key}: cannot be searched: {reason}")
