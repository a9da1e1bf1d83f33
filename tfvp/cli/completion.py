"""`tfvp --print-completion SHELL`: what completes commands, options and paths in a shell."""

import argparse

from tfvp.errors import ConfigError

SHELLS = ("bash", "zsh", "tcsh")
# What shtab.FILE is; options that take a path are known by what the help calls it.
_FILE = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}
_PATHS = {"CLIP", "DIR", "FILE", "FOLDER", "NEW", "RUN", "SOURCE", "SRC", "WEIGHTS"}


class PrintCompletion(argparse.Action):
    """Prints a script for a shell, which shtab makes of the parser, and exits."""

    def __call__(self, parser, namespace, shell, option=None):
        """See `argparse.Action`; raises a ConfigError where shtab is not installed."""
        del namespace, option
        try:
            import shtab  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise ConfigError(
                "--print-completion: needs shtab, which is not installed; pip install shtab"
            ) from None
        _mark_paths(parser)
        print(shtab.complete(parser, shell))
        parser.exit()


def _mark_paths(parser: argparse.ArgumentParser) -> None:
    """Let the arguments of a parser and its commands that are paths be completed as such."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                _mark_paths(each)
        elif action.metavar in _PATHS:
            action.complete = _FILE  # pyright: ignore[reportAttributeAccessIssue]
