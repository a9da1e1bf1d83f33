"""`tfvp export`: a trained run as a SavedModel, a LiteRT or an ONNX file, with a model card."""

import argparse
from typing import Any

from tfvp.cli.evaluate import run_job
from tfvp.errors import ConfigError
from tfvp.system.silence import quiet_tensorflow_import

KINDS = ("savedmodel", "litert", "onnx")


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
        help="litert: one clip, the run's lengths; onnx: free; each needs the extra of its name",
    )
    parser.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> int:
    job = run_job(arguments.run, [])
    with quiet_tensorflow_import():
        from tfvp.experiment.stages import export_stage
        from tfvp.export.model_card import write_card
        from tfvp.export.runtimes import export_runtime
        from tfvp.inference.predictor import no_prediction, trained_network
    if "prediction" not in job.experiment.model.tasks:
        raise ConfigError(f"--format {arguments.format}: {no_prediction(job.experiment)}")
    if arguments.format == "savedmodel":
        export_stage(job)
        return 0
    predictor, step = trained_network(job.run, job.experiment)
    path, worst = export_runtime(predictor, job.experiment.data, job.run.export, arguments.format)
    write_card(job.run, job.experiment, step)
    job.say(f"exported the weights of step {step}: {path}; it differs by at most {worst:.1e}")
    return 0
