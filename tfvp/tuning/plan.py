"""What a search is about: its experiment, its space, how values are chosen, where its files lie."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any, Literal

from tfvp.config.experiment import Experiment
from tfvp.config.loading import dump, leaves
from tfvp.errors import ConfigError, RunError
from tfvp.tuning.space import Load, Parameter

Sampler = Literal["tpe", "random", "grid", "one_at_a_time"]
LISTED = ("grid", "one_at_a_time")  # samplers whose settings are known beforehand


@dataclass(frozen=True)
class Plan:
    """A search for settings.

    Args:
        name: of the search, and of its folder.
        base: the experiment whose settings are searched; its `results` is where the folder lies.
        load: the same experiment with other settings.
        space: what is varied.
        trials: how many settings are tried, by all processes together.
        sampler: how values are chosen.
        pruned: whether trials that fall behind are ended early.
        seeds: of the best setting's repeats.
        storage: the URL of the database; empty: study.db in the search's folder.
    """

    name: str
    base: Experiment
    load: Load
    space: Sequence[Parameter]
    trials: int
    sampler: Sampler = "tpe"
    pruned: bool = False
    seeds: tuple[int, ...] = ()
    storage: str = ""

    @property
    def folder(self) -> Path:
        """Return the folder of the search: its runs, database, best setting and page."""
        return self.base.results / self.name

    @property
    def metric(self) -> str:
        """Return the metric by which trials are judged on the validation split."""
        return self.base.training.validation_metric

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Return whether the lowest or the highest value of the metric is the best."""
        from tfvp.evaluation.metrics import METRICS  # the command line starts without it

        return "maximize" if METRICS[self.metric].better == "higher" else "minimize"

    def experiment(self, name: str, values: Mapping[str, Any], *changes: str) -> Experiment:
        """Return the experiment of a trial, a run in the search's folder.

        Args:
            name: of the run.
            values: of each parameter by its name, as the study stores them.
            changes: further `key=value`.

        Raises:
            ConfigError: the values do not go together.
        """
        chosen = [text for p in self.space for text in p.overrides(values[p.name])]
        found = self.load([*chosen, *changes])
        return found.model_copy(update={"name": name, "results": self.folder})

    def base_values(self) -> dict[str, Any]:
        """Return the values that the experiment itself has, as the study stores them."""
        return {parameter.name: parameter.stored(self.base) for parameter in self.space}

    def listed(self) -> list[dict[str, Any]]:
        """Return the settings of a sampler that knows them beforehand, at most `trials`.

        Raises:
            ConfigError: the space holds endlessly many.
        """
        found = _grid(self.space) if self.sampler == "grid" else self._one_at_a_time()
        return list(islice(found, self.trials))

    def _one_at_a_time(self) -> Iterator[dict[str, Any]]:
        """Yield the experiment's own setting, then each that differs from it in one parameter."""
        base = self.base_values()
        yield base
        for parameter in self.space:
            for value in _all(parameter, "one_at_a_time"):
                if value != base[parameter.name]:
                    yield {**base, parameter.name: value}

    def record(self) -> dict[str, Any]:
        """Return what every process of the search must agree on, for the study to keep."""
        settings = self.base.model_copy(update={"name": self.name}).model_dump(mode="json")
        hidden = ("results", "data.root", "data.prepared", "training.seed")
        return {
            **{key: value for key, value in leaves(settings) if key not in hidden},
            "space": [repr(parameter) for parameter in self.space],
            "sampler": self.sampler,
            "pruner": "median" if self.pruned else "none",
        }

    def check_same(self, kept: Mapping[str, Any]) -> None:
        """Raise RunError unless `kept` is the `record` of the same search."""
        now = self.record()
        for key in dict.fromkeys([*kept, *now]):
            if kept.get(key) != now.get(key):
                raise RunError(
                    f"{self.folder} is another search: {key} was {kept.get(key)!r} and is "
                    f"{now.get(key)!r}; use the same options, or another --name"
                )

    def best_yaml(self, values: Mapping[str, Any]) -> str:
        """Write the configuration with these values, which `tfvp run --config` accepts."""
        best = self.experiment(f"{self.name}-best", values)
        return dump(best.model_copy(update={"results": self.base.results}))


def _grid(space: Sequence[Parameter]) -> Iterator[dict[str, Any]]:
    names = [parameter.name for parameter in space]
    for values in product(*(_all(parameter, "grid") for parameter in space)):
        yield dict(zip(names, values, strict=True))


def _all(parameter: Parameter, sampler: str) -> list[Any]:
    values = parameter.steps()
    if values is None:
        raise ConfigError(
            f"--sampler {sampler}: {parameter.name} has endlessly many values; give it values: "
            "[...] or a step"
        )
    return values
