"""Run folders: made whole or not at all, never overwritten, with the facts in them."""

import contextlib
import errno
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfvp.config.experiment import Experiment
from tfvp.config.loading import config_hash, load_resolved
from tfvp.errors import RunError
from tfvp.runs import folder as runs
from tfvp.runs import provenance
from tfvp.runs.folder import Run, create_run, open_run
from tfvp.runs.provenance import collect_provenance


@pytest.fixture
def experiment(tmp_path):
    return Experiment(name="mine", title="Mine", results=tmp_path / "results")


def test_a_new_run_holds_config_and_provenance_and_nothing_else(experiment):
    run = create_run(experiment, provenance={"seed": 0})
    assert run.root == experiment.results / "mine"
    assert load_resolved(run.config_path) == experiment
    digest = hashlib.sha256(run.config_path.read_bytes()).hexdigest()
    assert json.loads(run.provenance_path.read_text()) == {"seed": 0, "config_sha256": digest}
    assert sorted(os.listdir(run.root)) == ["config.yaml", "provenance.json"]
    assert os.listdir(experiment.results) == ["mine"]
    assert open_run(run.root) == run


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_whatever_has_the_name_already_is_left_alone(experiment, kind):
    place = experiment.results / "mine"
    experiment.results.mkdir()
    if kind == "folder":
        place.mkdir()
        (place / "precious").write_text("data")
    elif kind == "file":
        place.write_text("data")
    else:
        place.symlink_to("nowhere")
    with pytest.raises(RunError, match=r"mine exists.*--resume.*--name NEW.*remove it yourself"):
        create_run(experiment, provenance={})
    assert os.listdir(experiment.results) == ["mine"]
    if kind == "folder":
        assert os.listdir(place) == ["precious"]


def test_the_slower_of_two_new_runs_reads_that_the_other_is_there(experiment, monkeypatch):
    @contextlib.contextmanager
    def slower(path):
        create_run(experiment, provenance={"seed": 1})
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(path))
        yield

    real = runs.creating
    monkeypatch.setattr(
        runs,
        "creating",
        lambda path: real(path) if calls.append(path) or calls[1:] else slower(path),
    )
    calls = []
    with pytest.raises(RunError, match="mine exists and is never overwritten"):
        create_run(experiment, provenance={"seed": 0})
    assert json.loads(Run(experiment.results / "mine").provenance_path.read_text())["seed"] == 1


def test_a_run_that_cannot_be_written_leaves_nothing(experiment, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "write_json", full_disk)
    with pytest.raises(RunError, match="mine: cannot be made: No space left on device"):
        create_run(experiment, provenance={})
    assert os.listdir(experiment.results) == []


def test_results_that_is_a_file_is_one_line(experiment):
    experiment.results.write_text("")
    with pytest.raises(RunError, match=r"cannot be made: .*results is not a folder"):
        create_run(experiment, provenance={})


def test_open_run_says_what_is_wrong(experiment, tmp_path):
    run = create_run(experiment, provenance={})
    with pytest.raises(RunError, match=r"min does not exist.*did you mean .*results/mine\?"):
        open_run(experiment.results / "min")
    with pytest.raises(RunError, match=r"other does not exist.*runs in .*results: mine"):
        open_run(experiment.results / "other")
    with pytest.raises(RunError, match=r"is not a run: it has no config\.yaml"):
        open_run(tmp_path)
    with pytest.raises(RunError, match="is not a folder"):
        open_run(run.config_path)
    run.config_path.write_text("name: mine\ntitle: Mine\ntraining: {step: 1}\n")
    with pytest.raises(RunError, match=r"damaged: config.yaml: training.step: .*training.steps\?"):
        open_run(run.root)


def test_a_run_opened_from_inside_knows_its_name(experiment, monkeypatch):
    monkeypatch.chdir(create_run(experiment, provenance={}).root)
    assert open_run(".").name == "mine"


def test_places_are_as_documented():
    run = Run(Path("results/x"))
    named = {
        name: getattr(run, name) for name in dir(Run) if isinstance(getattr(run, name, None), Path)
    }
    assert {k: str(v.relative_to(run.root)) for k, v in named.items()} == {
        "config_path": "config.yaml",
        "provenance_path": "provenance.json",
        "checkpoints": "checkpoints",
        "logs": "logs",
        "train_log": "logs/train.csv",
        "validation_log": "logs/validation.csv",
        "tensorboard": "logs/tensorboard",
        "metrics_path": "metrics.json",
        "per_frame_path": "per_frame.csv",
        "per_sequence_path": "per_sequence.csv",
        "packed_sequences_path": "per_sequence.csv.gz",
        "samples": "samples",
        "evaluations": "evaluations",
        "figures": "figures",
        "report_path": "report.md",
        "export": "export",
    }


def test_provenance_says_where_numbers_came_from(experiment, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/me/run.py", "--name", "a b"])
    facts = collect_provenance(experiment, "abc", "CPU, 2 cores")
    assert facts["command"] == "run.py --name 'a b'"
    assert facts["device"] == "CPU, 2 cores"
    assert facts["data_hash"] == "abc"
    assert facts["config_hash"] == config_hash(experiment)
    assert (facts["seed"], facts["data_seed"]) == (0, 0)
    assert set(facts["versions"]) == {"tfvp", "python", "tensorflow", "jax", "keras", "numpy"}
    assert facts["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["versions"]["numpy"] == np.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", facts["started"])
    assert os.uname().nodename not in json.dumps(facts)


def test_provenance_reads_git_only_where_tfvp_is_part_of_it(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)  # set when the tests run inside a commit hook
    module = tmp_path / "tfvp" / "runs.py"
    module.parent.mkdir()
    module.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(module))
    assert provenance._git_state() is None
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]

    def say(*words):
        return subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout

    say("init", "-q")
    (tmp_path / "other").write_text("")
    say("add", "other")
    say("commit", "-qm", "not ours")
    assert provenance._git_state() is None
    say("add", "tfvp")
    say("commit", "-qm", "ours")
    head = say("rev-parse", "HEAD").strip()
    assert provenance._git_state() == {"revision": head, "dirty": False}
    (tmp_path / "notes").write_text("not part of it")
    assert provenance._git_state() == {"revision": head, "dirty": False}
    module.write_text("changed")
    assert provenance._git_state() == {"revision": head, "dirty": True}


def test_importing_runs_and_provenance_needs_no_tensorflow(root):
    code = "import tfvp.runs.provenance, sys; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
