"""A page for each network of the registry, from its code, its configurations and kept numbers."""

import functools
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import configuration
import drawing
import keras
import networks_numbers
from docstrings import escaped, markdown_of

from tfvp.config.experiment import Experiment
from tfvp.config.extends import config_names, find_config, preset_names
from tfvp.config.loading import load_config
from tfvp.models.base import VideoPredictor
from tfvp.models.build import build_model, count_parameters
from tfvp.models.registry import MODELS, info

HEADER = re.compile(r"^# (Source|Cost|Expected|Ours|Command): +(.*(?:\n#  +.*)*)", re.MULTILINE)


class Config(NamedTuple):
    """A shipped configuration of a network."""

    name: str
    experiment: Experiment
    header: dict[str, str]  # Source, Command, Cost, Expected, Ours, as its file opens


@functools.cache
def configs() -> dict[str, list[Config]]:
    """Return the shipped configurations of each network, the one that it is counted for first."""
    found: dict[str, list[Config]] = {name: [] for name in MODELS}
    for name in config_names():
        experiment = load_config(name)
        text = find_config(name).read_text("utf-8")
        header = {key: _joined(value) for key, value in HEADER.findall(text)}
        found[experiment.model.network].append(Config(name, experiment, header))
    for network, group in found.items():
        group.sort(key=lambda config: config.name != info(network).config)
    return found


def _joined(text: str) -> str:
    return re.sub(r"\s*\n#\s+", " ", text).strip()


def uris() -> list[dict[str, str]]:
    """Return the entries of the navigation, by title."""
    named = sorted((title(name), name) for name in MODELS)
    return [{shown: f"networks/{name}.md"} for shown, name in named]


def title(network: str) -> str:
    """Return the first words of a network's package: `PredRNN and PredRNN-V2`."""
    said = import_module(MODELS[network]).__doc__ or network
    return re.split(r" \(|[:.,;]|\n", said.removeprefix("The "))[0]


def table() -> str:
    """Return a row for each network: its page, where it was published, its parameters."""
    lines = ["| network | published | parameters |", "| --- | --- | --- |"]
    for shown, uri in (pair for entry in uris() for pair in entry.items()):
        file = Path(uri).name
        entry = info(Path(uri).stem)
        count = count_parameters(load_config(entry.config))
        lines.append(f"| [{shown}]({file}) | {escaped(entry.paper)} | {count:,} |")
    return "\n".join(lines) + "\n"


def pages() -> Iterator[tuple[str, str | bytes]]:
    """Yield each network's page, and its pictures."""
    for name in MODELS:
        kept = networks_numbers.kept_runs(name)
        for run in kept:
            if run.animation.is_file():
                yield f"networks/{run.name}.gif", run.animation.read_bytes()
        yield f"networks/{name}.md", _page(name, kept)


def _page(name: str, kept: list[networks_numbers.Kept]) -> str:
    group, section = configs()[name], info(name).section
    network = built(group[0].experiment)
    said = (import_module(MODELS[name]).__doc__ or "").strip()
    parts = [
        f"# {title(name)}\n\n{said}\n",
        f"`model.network: {name}` · {info(name).paper} · {_fidelity(info(name).fidelity)} · "
        f"{count_parameters(group[0].experiment):,} parameters in `configs/{group[0].name}.yaml`\n",
        *(run.markdown for run in kept if run.animation.is_file()),
        f"## The network\n\n{drawing.svg(network)}\n",
        *(markdown_of(each) for each in _classes(network)),
        f"## Configurations\n\n{_counts(group)}\n",
        *map(_config, group),
        f"## Keys\n\nKeys under `model`, with their defaults.\n\n{configuration.keys_of(section)}",
        networks_numbers.published({config.name for config in group}),
        f"## Measured by us\n\n{networks_numbers.measured(kept)}",
    ]
    return "\n".join(parts)


def built(experiment: Experiment) -> VideoPredictor:
    """Build a network whose weights have shapes and no values."""
    with keras.StatelessScope(initialize_variables=False):
        return build_model(experiment)


def _fidelity(fidelity: str) -> str:
    return {
        "paper": "follows the paper",
        "released": "follows the released program",
        "both": "follows the released program, with the paper's choices as keys",
    }.get(fidelity, fidelity)


def _classes(network: VideoPredictor) -> list[type]:
    """Return the core's class, and its parts, cells and layers, whose docstrings have equations."""
    core = type(network.core)
    inside = {type(layer) for layer in network.core._flatten_layers(include_self=False)}
    parents = [each for each in core.__mro__[1:] if _is_ours(each) and _has_equations(each)]
    parts = sorted(inside - {core}, key=lambda each: (each.__module__, each.__name__))
    return [core, *parents, *(p for p in parts if _is_ours(p) and _has_equations(p))]


def _is_ours(each: type) -> bool:
    return each.__module__.startswith("tfvp.")


def _has_equations(each: type) -> bool:
    text = (each.__doc__ or "").partition("Args:")[0]
    return bool(re.search(r"^        \S.*[=←]", text, re.MULTILINE))


def _counts(group: list[Config]) -> str:
    """Write the table of the configurations and their presets' parameters."""
    lines = ["| configuration | title | data | parameters |", "| --- | --- | --- | --- |"]
    for name, *_ in group:
        for preset in (None, *preset_names(find_config(name))):
            loaded = load_config(name, preset=preset)
            height, width, channels = loaded.data.frame_shape
            frames = f"{loaded.data.context_frames}→{loaded.data.predict_frames}"
            size = f"{loaded.data.dataset} {height}×{width}×{channels}, {frames}"
            words = f"`{name}`" + (f" `--preset {preset}`" if preset else "")
            count = f"{count_parameters(loaded):,}"
            lines.append(f"| {words} | {escaped(loaded.title)} | {size} | {count} |")
    return "\n".join(lines) + "\n"


def _config(config: Config) -> str:
    """Write what a configuration's file says of itself."""
    said = [
        f"- {key}: {escaped(value)}" for key, value in config.header.items() if key != "Command"
    ]
    command = f"```bash\npython run.py --config {config.name}.yaml\n```"
    return "\n".join([f"### {config.name}\n", command, "", *said, ""])
