"""The program from outside: how it starts, what its help imports, and an output that is closed."""

import os
import subprocess
import sys

import pytest

from tests import ROOT
from tfvp.cli.console import NO_READER
from tfvp.cli.main import main


def python(*words: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=ROOT, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize("module", ["tfvp", "tfvp.cli"])
def test_the_package_runs_as_a_program(module):
    done = python("-m", module, "--version", capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tfvp ")


def test_bash_completes_commands_options_and_paths(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", "bash"])
    assert ended.value.code == 0
    script = tmp_path / "tfvp.bash"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "clip.gif").touch()

    def completed(*words: str) -> list[str]:
        typed = f"COMP_WORDS=(tfvp {' '.join(words)} ''); COMP_CWORD={len(words)}; "
        ask = f". {script}; {typed} COMP_WORDS[COMP_CWORD]={words[-1]!r}; _shtab_tfvp; "
        command = ["bash", "-c", f'{ask} echo "${{COMPREPLY[@]}}"']
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("pred") == ["predict"]
    assert completed("predict", "--outp") == ["--output"]
    assert completed("predict", "--input", "cli") == ["clip.gif"]


def test_help_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from tfvp.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as ended: assert ended.code == 0\n"
        "heavy = {'matplotlib', 'keras', 'tensorflow', 'jax', 'cv2', 'PIL', 'scipy', 'sklearn'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = python("-c", program, capture_output=True)
    assert done.stdout.endswith("HEAVY []\n"), done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [["--help"], ["config", "--config", "e3d"], ["list", "runs", "--results", "{empty}"]],
    ids=["argparse", "print", "rich"],
)
def test_a_closed_output_ends_the_program_quietly(words, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    words = [word.format(empty=tmp_path) for word in words]
    # argparse hides the error of an unbuffered write
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = python("-m", "tfvp", *words, stdout=writer, stderr=subprocess.PIPE, env=buffered)
    os.close(writer)
    assert (done.returncode, done.stderr) == (NO_READER, "")
