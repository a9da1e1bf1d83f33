"""`tfvp list`: what there is to build, what was trained and comes with tfvp, and what was run."""

import argparse
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from rich.console import Console

from tfvp.cli.console import LineConsole
from tfvp.config.experiment import Experiment
from tfvp.config.extends import config_names, find_config, preset_names
from tfvp.config.loading import load_config
from tfvp.config.messages import sections_in
from tfvp.errors import ConfigError
from tfvp.models.registry import MODELS, info
from tfvp.presets.card import about
from tfvp.presets.find import shipped
from tfvp.system.silence import quiet_tensorflow_import


def add_list(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "list", help="list networks, configurations, pretrained presets or runs"
    )
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    models = kinds.add_parser("models", help="the networks: paper, parameters, options")
    models.set_defaults(command=_models)
    configs = kinds.add_parser("configs", help="configurations and presets: title, network, data")
    configs.set_defaults(command=_configs)
    presets = kinds.add_parser(
        "presets", help="pretrained networks: data, size, updates, error beside copy-last, licence"
    )
    presets.set_defaults(command=_presets)
    runs = kinds.add_parser("runs", help="the runs: how far each came and what it measured")
    runs.add_argument(
        "--results", default="results", metavar="DIR", help="where they are (default: results)"
    )
    runs.set_defaults(command=_runs)


def _runs(arguments: argparse.Namespace) -> int:
    from tfvp.reporting.render.markdown_console import console as console_table
    from tfvp.reporting.render.markdown_console import tabbed
    from tfvp.reporting.run_list import list_runs

    table = list_runs(Path(arguments.results))
    console = Console()
    if not any(section.rows for section in table.sections):
        LineConsole().print_line(f"{arguments.results}: no runs")
    elif console.is_terminal:
        console.print(console_table(table, console.width))
    else:
        print(tabbed(table))
    return 0


def _configs(arguments: argparse.Namespace) -> int:
    """Print a line for each configuration and each of its presets, as one would ask for it."""
    del arguments
    console = LineConsole()
    asked = {  # what to ask for -> the configuration and its preset
        name + (f" --preset {preset}" if preset else ""): (name, preset)
        for name in config_names()
        for preset in (None, *preset_names(find_config(name)))
    }
    width = max(map(len, asked), default=0)
    for words, (name, preset) in asked.items():
        try:
            said = _summary(load_config(name, preset=preset))
        except ConfigError as error:
            said = str(error).partition("\n")[0]
        console.print_line(f"{words:<{width}}  {said}")
    return 0


def _presets(arguments: argparse.Namespace) -> int:
    """Print a paragraph for each pretrained network that comes with tfvp."""
    del arguments
    console = LineConsole()
    for preset in shipped():
        console.print_line(f"preset:{preset.name}")
        for name, value in about(preset).items():
            console.print_line(f"  {name:<9} {value}")
    return 0


def _summary(experiment: Experiment) -> str:
    """Write title, network and data in a line."""
    data = experiment.data
    height, width, channels = data.frame_shape
    frames = f"{height}×{width}×{channels}, {data.context_frames}→{data.predict_frames}"
    return f"{experiment.title}; {experiment.model.network}; {data.dataset} {frames}"


def _models(arguments: argparse.Namespace) -> int:
    del arguments
    with quiet_tensorflow_import():
        from tfvp.models.build import count_parameters

    for name in sorted(MODELS):
        entry = info(name)
        experiment = load_config(entry.config)
        print(f"{name}")
        print(f"  paper       {entry.paper}")
        print(f"  parameters  {count_parameters(experiment):,} with {entry.config}.yaml")
        print(f"  fidelity    {entry.fidelity}")
        print(f"  options     {'; '.join(options(experiment.model))}")
    return 0


def options(section: BaseModel, prefix: str = "") -> list[str]:
    """List the keys of a section with their values; of the sections inside it, those it chose."""
    found = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            kinds = [
                get_args(s.model_fields["kind"].annotation)[0]
                for s in sections_in(field.annotation)
                if "kind" in s.model_fields
            ]
            if len(kinds) > 1:
                found.append(f"{prefix}{name}.kind: {' | '.join(kinds)}")
            found += options(value, f"{prefix}{name}.")
        elif name not in ("network", "kind"):
            found.append(f"{prefix}{name}: {_choices(field.annotation, value)}")
    return found


def _choices(annotation: Any, value: Any) -> str:
    """Write `a | b` for a choice, and for anything else the reference configuration's value."""
    if get_origin(annotation) is Literal:
        return " | ".join(str(choice) for choice in get_args(annotation))
    if isinstance(value, bool):
        return "true | false"
    return str(list(value) if isinstance(value, tuple) else value)
