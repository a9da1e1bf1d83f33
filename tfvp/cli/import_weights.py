"""`tfvp import`: weights of another program into a file that --init-from takes."""

import argparse
from typing import Any

from tfvp.cli.console import LineConsole
from tfvp.cli.options import add_config_options, experiment_of
from tfvp.errors import ConfigError
from tfvp.system.silence import quiet_tensorflow_import


def add_import(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "import",
        help="turn a TF1 checkpoint, a Keras 2, PyTorch or safetensors file into weights of ours",
        description="Prints original name, our name and shape of every weight, and what is left "
        "over on either side. Nothing in the source is ever run.",
    )
    parser.add_argument(
        "source",
        metavar="SRC",
        help="the prefix of a TF1 checkpoint, a Keras 2 file (.hdf5), a PyTorch file (.pt), "
        "or a safetensors file",
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="a new .npz or .keras file")
    parser.add_argument(
        "--part",
        metavar="NAME",
        help="SRC is of this part of the network, which was trained by itself; FILE is an .npz "
        "that the configuration names, e.g. flow and model.flow.weights",
    )
    parser.add_argument("--partial", action="store_true", help="accept names without a counterpart")
    parser.add_argument(
        "--kernels",
        choices=("auto", "tensorflow", "theano"),
        default="auto",
        help="whose convolution a Keras 2 file was trained with; theano: every kernel is flipped "
        "in both axes; auto: as the file says",
    )
    add_config_options(parser)
    parser.set_defaults(command=_import)


def _import(arguments: argparse.Namespace) -> int:
    experiment = experiment_of(arguments)
    with quiet_tensorflow_import():
        from tfvp.models.build import build_model
        from tfvp.porting.import_weights import import_weights

    network = build_model(experiment)
    imported = import_weights(
        _part_of(network, arguments.part) if arguments.part else network,
        arguments.source,
        arguments.out,
        partial=arguments.partial,
        kernels=arguments.kernels,
    )
    header = ("original name", "our name", "shape", "")
    table = [header, *((r.original or "-", r.ours or "-", r.shape, r.note) for r in imported.rows)]
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    matched = sum(bool(row.original and row.ours) for row in imported.rows)
    LineConsole().print_line(
        f"{matched} weights imported, {imported.unmatched} without a counterpart: {arguments.out}"
    )
    return 0


def _part_of(network: Any, name: str) -> Any:
    """A part of a network that takes another program's weights by itself."""
    parts = network.core.pretrained_parts()
    if name not in parts:
        has = f"has {', '.join(parts)}" if parts else "has no such part"
        raise ConfigError(f"--part {name}: this network {has}")
    return parts[name]
