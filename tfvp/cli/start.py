"""What a shell starts: `tfvp`, with a quiet end where Ctrl-C comes before or after its work."""

import io
import signal
import sys
from collections.abc import Sequence

from tfvp.system.signals import leaving_at_once


def start(argv: Sequence[str] | None = None) -> int:
    """Import the command line and run a command; returns the exit code, for `sys.exit`.

    Ctrl-C in the second before `main` can answer it is one word and not a traceback of imports.
    After the command's end, while Python shuts down, it ends the process without a word. A
    character that the locale's encoding lacks is printed as a question mark.

    Args:
        argv: the command's words; None: those of this process.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # of a locale that lacks our ×, ± and →
        sys.stdout.reconfigure(errors="replace")
    with leaving_at_once():
        from tfvp.cli.main import main
    try:
        return main(argv)
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
