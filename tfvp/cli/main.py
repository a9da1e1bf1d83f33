"""The `tfvp` command: its parser, and what a user sees when something goes wrong."""

import argparse
import sys
from collections.abc import Sequence

from tfvp.cli.completion import SHELLS, PrintCompletion
from tfvp.cli.config import add_config
from tfvp.cli.console import NO_READER, discard_output, output_has_no_reader, print_error
from tfvp.cli.data import add_data_commands
from tfvp.cli.evaluate import add_evaluate
from tfvp.cli.export import add_export
from tfvp.cli.import_weights import add_import
from tfvp.cli.listing import add_list
from tfvp.cli.predict import add_predict
from tfvp.cli.profile import add_profile
from tfvp.cli.report import add_claims, add_compare, add_report
from tfvp.cli.run import add_run
from tfvp.cli.tune import add_tune
from tfvp.errors import ConfigError, UserError
from tfvp.system.imports import after_import, missing_backend
from tfvp.system.signals import TerminatedError, sigterm_interrupts


def _set_keras() -> None:
    """Set what Keras would read from ~/.keras/keras.json, which other work may have written."""
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")


after_import("keras", _set_keras)

# In the order in which `tfvp --help` lists the commands.
_COMMANDS = (
    *(
        add_run,
        add_tune,
        add_config,
        add_import,
        add_list,
        add_profile,
        add_compare,
        add_claims,
        add_report,
    ),
    *(add_data_commands, add_evaluate, add_predict, add_export),
)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="tfvp", description="Video prediction with TensorFlow and Keras 3."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print what completes tfvp's commands in a shell (pip install shtab)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. A user's mistake is one message, not a traceback."""
    try:
        return _run_command(argv)
    except UserError as error:
        print_error(f"error: {error}")
        return error.exit_code
    except (ImportError, ValueError) as error:
        said = missing_backend(error)
        if said is None:
            raise
        print_error(f"error: {said}")
        return 1
    except OSError as error:  # no room, no permission, ...
        if isinstance(error, BrokenPipeError) and output_has_no_reader():
            discard_output()
            return NO_READER
        print_error(f"error: {error.filename or 'system'}: {error.strerror or error}")
        return 1
    except TerminatedError as ended:
        print_error("terminated")
        return ended.exit_code
    except KeyboardInterrupt:
        print_error("interrupted")
        return 130


def _run_command(argv: Sequence[str] | None) -> int:
    try:
        words = sys.argv[1:] if argv is None else argv
        if any("\0" in word for word in words):
            raise ConfigError("the command line: a path cannot hold the character NUL")
        arguments = build_parser().parse_args(words)
        with sigterm_interrupts():
            return arguments.command(arguments)
    finally:
        # A pipe without a reader is noticed here and not while Python shuts down.
        sys.stdout.flush()


class _Version(argparse.Action):
    """Prints the version, which is looked up only when it is asked for."""

    def __call__(self, parser, *_):
        from tfvp import __version__

        print(f"tfvp {__version__}")
        parser.exit()
