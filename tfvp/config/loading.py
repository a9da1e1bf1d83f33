"""Turns YAML files, presets and overrides into one Experiment and remembers who set what."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tfvp.config.experiment import Experiment
from tfvp.config.extends import ConfigFile, find_config, follow
from tfvp.config.layers import lay_over, layer_of
from tfvp.config.messages import did_you_mean, meaning_of, problems
from tfvp.config.yaml import read_mapping, write
from tfvp.errors import ConfigError

# Not part of what is computed: what a run is called and where things lie.
_NOT_HASHED: dict[str, Any] = {
    **dict.fromkeys(("name", "config", "title", "label", "preset", "results"), True),
    "data": {"root", "prepared"},
}


@dataclass(frozen=True)
class Setting:
    """One key of a resolved experiment: its value, who set it, and its meaning."""

    key: str
    value: Any
    origin: str  # the file, preset or option that set it
    meaning: str  # what the key is for


@dataclass(frozen=True)
class _Layer:
    """Values from one source; later layers win."""

    origin: str
    values: Mapping[str, Any]


def load_config(
    name_or_path: str | Path,
    *,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
) -> Experiment:
    """Read an experiment; precedence default < `extends` parents < file < preset < --set < --name.

    A section that names another `dataset`, `network` or `kind` than the one before it starts anew:
    nothing is inherited from a section of another kind.

    >>> load_config("predrnn", preset="quick", overrides=["training.steps=10"]).training.steps
    10

    Args:
        name_or_path: a bare name (`e3d_residual`), looked for in ./configs and then in the configs
            that come with tfvp, or a path.
        preset: one of the file's or its parents' `presets:`.
        overrides: `a.b=value` texts; the value is read as YAML.
        name: the run's name; default the file's name, with `-PRESET` behind it.

    Raises:
        ConfigError: anything that cannot be run, one line a problem.
    """
    return _resolve(name_or_path, preset, overrides, name)[0]


def explain(
    name_or_path: str | Path,
    *,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    name: str | None = None,
) -> list[Setting]:
    """Return every key of what `load_config` returns, with its value and where it came from."""
    experiment, origins = _resolve(name_or_path, preset, overrides, name)
    return [
        Setting(key, value, origins.get(key, "default"), meaning_of(experiment, key))
        for key, value in leaves(experiment.model_dump(mode="json"))
    ]


def load_resolved(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read what `dump` wrote, e.g. a run's config.yaml: no parents, no presets.

    Args:
        path: the file.
        overrides: `a.b=value` texts, as for `load_config`.

    Raises:
        ConfigError: unreadable, not YAML, or no longer a valid experiment.
    """
    path = Path(path)
    values = read_mapping(path)
    origins = dict.fromkeys((k for k, _ in leaves(values)), path.name)
    changed, givers = layer_of(overrides)
    lay_over(values, changed, "--set", origins)
    return _validated(values, origins | givers, path.name)


def dump(experiment: Experiment) -> str:
    """Write every key of an experiment as YAML that `load_resolved` reads back to an equal one."""
    return write(experiment.model_dump(mode="json"))


def config_hash(experiment: Experiment) -> str:
    """Return 12 hexadecimal digits of all settings that decide the numbers: no names or folders."""
    content = experiment.model_dump(mode="json", exclude=_NOT_HASHED)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _resolve(
    name_or_path: str | Path, preset: str | None, overrides: Sequence[str], name: str | None
) -> tuple[Experiment, dict[str, str]]:
    """Return the experiment, and for each key that is not at its default who set it."""
    files = follow(find_config(name_or_path))
    path = files[-1].path
    stem = f"{path.stem}-{preset}" if preset else path.stem
    layers = [_Layer("file name", {"name": stem, "config": path.stem, "title": path.stem})]
    layers += [_Layer(file.path.name, file.values) for file in files]
    if preset is not None:
        layers += [*_preset_layers(files, preset), _Layer("--preset", {"preset": preset})]
    changed, givers = layer_of(overrides)
    layers.append(_Layer("--set", changed))
    if name is not None:
        layers.append(_Layer("--name", {"name": name}))
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        lay_over(values, layer.values, layer.origin, origins)
    origins.update(givers)
    return _validated(values, origins, path.name), origins


def _preset_layers(files: list[ConfigFile], preset: str) -> list[_Layer]:
    """Return the preset as each file of the chain has it, the root's first.

    Raises:
        ConfigError: no file has it; names those there are.
    """
    layers = [
        _Layer(f"{file.path.name} preset {preset}", file.presets[preset])
        for file in files
        if preset in file.presets
    ]
    if not layers:
        names = list(dict.fromkeys(name for file in files for name in file.presets))
        there = f"there are: {', '.join(names)}" if names else "it has no presets"
        raise ConfigError(
            f"{files[-1].path.name}: no preset {preset}; {there}{did_you_mean(preset, names)}"
        )
    return layers


def _validated(values: dict[str, Any], origins: Mapping[str, str], where: str) -> Experiment:
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(problems(error, origins, where))) from None


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of everything that is not a section."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
