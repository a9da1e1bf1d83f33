"""Ctrl-C before a command can answer it, and after its end, in processes of their own."""

import os
import signal
import subprocess
import sys

import pytest

from tests import ROOT

START = "import sys; from tfvp.cli.start import start; sys.exit(start(['list', 'configs']))"
# tests that a shell runs in its background begin with SIGINT ignored, and so do their processes
AS_IN_A_TERMINAL = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
# a module that sends the signal to its own process when something imports `name`
DURING = """
import os, signal, sys
class Sends:
    def find_spec(self, name, *_):
        if name == "{name}":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Sends())
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command, variables = [sys.executable, "-c", program], {**os.environ, **environment}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=variables
    )


@pytest.mark.parametrize("name", ["tfvp.cli.main", "rich.theme", "argparse", "pydantic"])
@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]
)
def test_a_signal_while_the_command_line_is_imported_is_one_word(name, number, said):
    ended = run(DURING.format(name=name, number=int(number)) + START)
    assert (ended.stderr, ended.stdout) == (f"{said}\n", "")
    assert ended.returncode == 128 + number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_command_s_end_is_no_traceback(number):
    at_exit = f"import atexit, os; atexit.register(os.kill, os.getpid(), {int(number)}); "
    ended = run(AS_IN_A_TERMINAL + at_exit + START)
    assert "e3d_residual" in ended.stdout
    assert (ended.stderr, ended.returncode) == ("", -number)


def test_a_locale_without_our_characters_prints_question_marks():
    program = """
import sys
import tfvp.cli.main
from tfvp.cli.start import start

tfvp.cli.main.main = lambda argv: print("32×32, 5→5")
sys.exit(start())
"""
    ended = run(program, PYTHONIOENCODING="ascii")
    assert (ended.stdout, ended.stderr, ended.returncode) == ("32?32, 5?5\n", "", 0)
