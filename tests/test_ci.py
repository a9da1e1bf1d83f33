"""The slow tests of `.ci/run` end in time, and none is left out by every commit."""

import subprocess
import sys

import pytest

from tests import ROOT

FILES = ("tests/system/test_progress.py", "tests/system/test_threads.py")


def run(*options: str) -> str:
    command = [sys.executable, "-m", "pytest", *options, *FILES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_there_is_no_time_for_is_counted_and_no_failure(workers):
    printed = run("--seconds", "-5", "-n", workers, "-rs", "-m", "not slow")
    assert "no time left" in printed
    assert "12 skipped" in printed
    assert "passed" not in printed


def test_with_time_left_all_are_run():
    assert "12 passed" in run("--seconds", "600", "-n", "0")


@pytest.mark.parametrize(("turn", "first"), [("4", 0), ("5", 1)])
def test_commits_take_turns_with_which_file_is_first(turn, first):
    listed = run("--turn", turn, "-n", "0", "--collect-only", "-qq", "-vv")
    assert listed.lstrip().startswith(FILES[first])


def test_the_script_is_one_that_bash_reads():
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", script], check=True)
    assert "--seconds" in script.read_text()
