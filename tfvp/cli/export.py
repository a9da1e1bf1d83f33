"""`tfvp export`: a trained run as a SavedModel, a file of another format, or a preset."""

import argparse
from pathlib import Path
from typing import Any

from tfvp.cli.evaluate import run_job
from tfvp.errors import ConfigError
from tfvp.experiment.job import Job
from tfvp.system.silence import quiet_tensorflow_import

KINDS = ("savedmodel", "litert", "onnx", "safetensors", "preset")


def add_export(commands: Any) -> None:
    """Add the command to the subparsers of the `tfvp` parser."""
    parser = commands.add_parser(
        "export",
        help="write a trained network for other programs, and a model card",
        description="Goes to export/ in the run's folder, replacing an earlier export of the same "
        "format, once it was loaded again in its own runtime and compared.",
    )
    parser.add_argument("--run", required=True, metavar="DIR", help="a run's folder")
    parser.add_argument(
        "--format",
        required=True,
        choices=KINDS,
        help="litert: one clip, the run's lengths; onnx: free; each needs the extra of its name; "
        "safetensors: the weights alone; preset: a folder for Predictor.from_preset, to be shared",
    )
    parser.add_argument(
        "--output",
        metavar="NEW",
        help="with --format preset: the new folder, by whose name it will be known (default: "
        "export/ and the run's name)",
    )
    parser.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> int:
    if arguments.output and arguments.format != "preset":
        raise ConfigError(
            f"--output: goes with --format preset; --format {arguments.format} writes to export/ "
            "in the run's folder"
        )
    job = run_job(arguments.run, [])
    with quiet_tensorflow_import():
        from tfvp.experiment.stages import export_stage
        from tfvp.inference.predictor import no_prediction
    if "prediction" not in job.experiment.model.tasks:
        raise ConfigError(f"--format {arguments.format}: {no_prediction(job.experiment)}")
    if arguments.format == "savedmodel":
        export_stage(job)
    elif arguments.format == "preset":
        _export_preset(job, Path(arguments.output or job.run.export / job.run.name))
    else:
        _export_file(job, arguments.format)
    return 0


def _export_file(job: Job, kind: str) -> None:
    from tfvp.export.model_card import write_card
    from tfvp.export.runtimes import export_runtime
    from tfvp.export.weights import export_weights
    from tfvp.inference.predictor import trained_network

    predictor, step = trained_network(job.run, job.experiment)
    if kind == "safetensors":
        path, compared = export_weights(predictor, job.run.export), "read again it is the same"
    else:
        path, worst = export_runtime(predictor, job.experiment.data, job.run.export, kind)
        compared = f"it differs by at most {worst:.1e}"
    write_card(job.run, job.experiment, step)
    job.say(f"exported the weights of step {step}: {path}; {compared}")


def _export_preset(job: Job, folder: Path) -> None:
    from tfvp.inference.predictor import Predictor

    predictor = Predictor.of(job.run)
    preset = predictor.save_to_preset(folder)
    total = sum(path.stat().st_size for path in folder.iterdir())
    bare = "" if preset.metrics else "; without numbers: the run was not evaluated at this step"
    job.say(
        f"preset of the weights of step {predictor.steps}: {folder}, {total / 1e6:.1f} MB{bare}; "
        f"tfvp predict {folder} --output prediction.gif"
    )
