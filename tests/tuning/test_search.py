"""The search on a stub of training: what is tried, recorded, repeated and concluded."""

import functools
import re
import subprocess
import sys

import pytest

from tests import ROOT
from tests.helpers import tiny
from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError, RunError, TrainingError
from tfvp.reporting.figures.training_curves import read_log
from tfvp.runs.folder import Run
from tfvp.system.files import write_text
from tfvp.tuning.plan import Plan
from tfvp.tuning.search import Trained, Work, _try, search
from tfvp.tuning.space import read_space
from tfvp.tuning.study import FAILURE, LOST, TESTED, held, next_trial, open_study
from tfvp.tuning.trial import trained, usual_work

optuna = pytest.importorskip("optuna")

SPACE = (
    "model.wiring: {values: [plain, residual]}\ntraining.loss.l1: {low: 0.0, high: 1.0, step: 0.5}"
)


def plan_in(folder, **options) -> Plan:
    def load(changes):
        return load_config("e3d", preset="quick", overrides=[f"results={folder}", *changes])

    path = folder / "space.yaml"
    write_text(path, SPACE)
    given = {"trials": 4, "sampler": "one_at_a_time", "name": "study", **options}
    name = given.pop("name")
    return Plan(name, load([]), load, read_space(path, load), **given)


@pytest.fixture(autouse=True)
def _no_plots(request, monkeypatch):
    """Leave out the page, whose plots take a second, but where a test is about it."""
    if "page" not in request.node.name:
        monkeypatch.setattr("tfvp.tuning.search.write_page", lambda plan, study: "page")


class Stub:
    """Training whose validation is known: lower for residual and for a smaller l1."""

    def __init__(self):
        self.trained, self.tested, self.said = [], [], []
        self.before = lambda experiment: None

    def train(self, experiment, watch):
        self.before(experiment)
        self.trained.append(experiment)
        (experiment.results / experiment.name).mkdir(parents=True)
        wiring = {"plain": 1.0, "residual": 0.0}[experiment.model.wiring]
        value = wiring + experiment.training.loss.l1 + experiment.training.seed / 100
        for step in (10, 20):
            if watch(step, value + 1 - step / 20):
                return Trained(value, step, step)
        return Trained(value, 20, 20)

    @property
    def work(self) -> Work:
        return Work(self.train, lambda e: self.tested.append(e.name), self.said.append)


def states(plan):
    study = optuna.load_study(study_name=plan.name, storage=f"sqlite:///{plan.folder / 'study.db'}")
    return study, [trial.state.name for trial in study.trials]


def test_one_key_at_a_time_repeats_and_the_test_split_once(tmp_path):
    plan, stub = plan_in(tmp_path, trials=9, seeds=(1, 2)), Stub()
    search(plan, stub.work, resume=False)
    tried = [(e.model.wiring, e.training.loss.l1) for e in stub.trained]
    assert tried[:4] == [("plain", 0.01), ("residual", 0.01), ("plain", 0.0), ("plain", 0.5)]
    assert len(tried) == 5 + 2, "the configuration, four changes, and two repeats of the best"
    assert [e.name for e in stub.trained[5:]] == ["best-seed1", "best-seed2"]
    assert stub.trained[0].results == plan.folder
    assert stub.tested == ["trial_0001"]
    best = load_config(plan.folder / "best.yaml")
    assert (best.name, best.model.wiring, best.results) == ("study-best", "residual", tmp_path)
    search(plan, stub.work, resume=True)
    assert (len(stub.trained), stub.tested) == (7, ["trial_0001"])
    assert states(plan)[0].user_attrs[TESTED] == "trial_0001"


def test_the_best_of_another_machine_is_tested_there_alone(tmp_path):
    shared = f"sqlite:///{tmp_path / 'shared.db'}"
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
    here, there = (plan_in(folder, trials=9, storage=shared) for folder in folders)
    stub = Stub()
    study, first = open_study(here, resume=False), stub.work  # this machine takes one trial
    _try(here, first, study, next_trial(here, study))
    search(there, stub.work, resume=True)
    assert stub.tested == ["trial_0001"]

    shared = f"sqlite:///{tmp_path / 'other.db'}"
    here, there = (plan_in(folder, trials=2, storage=shared, name="second") for folder in folders)
    stub = Stub()
    study = open_study(here, resume=False)
    for _ in range(2):
        _try(here, stub.work, study, next_trial(here, study))
    with pytest.raises(RunError, match=r"trial_0001, the best, is not in .*there.*--resume"):
        search(there, stub.work, resume=True)
    assert stub.tested == []
    search(here, stub.work, resume=True)
    assert stub.tested == ["trial_0001"]


@pytest.mark.parametrize(
    "url",
    [
        "firebird://me:secret@host/db",
        "sqlite:////no/such/folder/x.db",
        "mysql+notadriver://me:secret@host/db",
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_and_leaves_nothing(tmp_path, url):
    plan = plan_in(tmp_path, storage=url)
    with pytest.raises(ConfigError, match="cannot be used") as refused:
        search(plan, Stub().work, resume=False)
    assert "secret" not in str(refused.value)
    assert not plan.folder.exists()


def test_a_driver_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)  # as if it were not installed
    plan = plan_in(tmp_path, storage="postgresql+psycopg2://me:secret@host/db")
    with pytest.raises(ConfigError, match=r"me:\*\*\*@host/db: needs psycopg2.*pip install"):
        search(plan, Stub().work, resume=False)


@pytest.mark.slow
def test_the_page_ranks_trials_and_draws_optunas_plots(tmp_path):
    plan, stub = plan_in(tmp_path, trials=9, seeds=(1, 2)), Stub()
    search(plan, stub.work, resume=False)
    page = (plan.folder / "report.html").read_text("utf-8")
    assert "with 3 seeds: from 0.01 to 0.03" in page
    assert page.count("<img") + page.count("No plot of") == 3


def test_a_failed_trial_is_recorded_and_the_search_goes_on(tmp_path):
    plan, stub = plan_in(tmp_path), Stub()

    def fails(experiment):
        if experiment.model.wiring == "residual":
            raise TrainingError("step 3: the loss is not finite")
        if experiment.training.loss.l1 == 0.0:
            raise MemoryError

    stub.before = fails
    search(plan, stub.work, resume=False)
    study, found = states(plan)
    assert found == ["COMPLETE", "FAIL", "FAIL", "COMPLETE"]
    reasons = [trial.user_attrs.get(FAILURE) for trial in study.trials]
    assert reasons == [None, "step 3: the loss is not finite", "MemoryError: MemoryError", None]
    assert stub.tested == ["trial_0000"]


def test_a_search_whose_first_trials_all_fail_ends(tmp_path):
    plan, stub = plan_in(tmp_path, sampler="random", trials=20), Stub()
    stub.before = lambda experiment: 1 / 0
    with pytest.raises(RunError, match=r"first 3 trials failed.*ZeroDivisionError"):
        search(plan, stub.work, resume=False)


@pytest.mark.slow
def test_an_interrupted_and_a_killed_trial_are_tried_again(tmp_path):
    plan, stub = plan_in(tmp_path, trials=3), Stub()

    def interrupted(experiment):
        if experiment.model.wiring == "residual":
            stub.before = lambda experiment: None
            raise KeyboardInterrupt

    stub.before = interrupted
    with pytest.raises(KeyboardInterrupt):
        search(plan, stub.work, resume=False)
    with pytest.raises(RunError, match="go on with --resume"):
        search(plan, stub.work, resume=False)
    killed = (  # a process that dies in the middle of its trial
        "import os, sys; from tests.tuning.test_search import *; from pathlib import Path\n"
        "plan = plan_in(Path(sys.argv[1]), trials=3); stub = Stub()\n"
        "stub.before = lambda experiment: os._exit(9)\n"
        "search(plan, stub.work, resume=True)"
    )
    done = subprocess.run([sys.executable, "-c", killed, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == 9
    search(plan, stub.work, resume=True)
    study, found = states(plan)
    assert sorted(found) == ["COMPLETE"] * 3 + ["FAIL"] * 2
    assert sum(bool(trial.user_attrs.get(LOST)) for trial in study.trials) == 2
    assert {e.model.wiring for e in stub.trained} == {"plain", "residual"}


@pytest.mark.slow
def test_two_processes_share_a_search_and_the_last_concludes_it(tmp_path):
    plan, first, second = plan_in(tmp_path, trials=3), Stub(), Stub()

    def meanwhile(experiment):  # the other joins while the first is at its first trial
        first.before = lambda experiment: None
        search(plan, second.work, resume=True)

    first.before = meanwhile
    search(plan, first.work, resume=False)
    assert (len(first.trained), len(second.trained)) == (1, 2)
    assert (first.tested, second.tested) == (["trial_0001"], [])
    assert "other processes are at trial_0000; the last" in second.said[-1]


def test_a_running_trial_of_a_living_process_is_left_alone(tmp_path):
    plan = plan_in(tmp_path)
    study = open_study(plan, resume=False)
    trial = next_trial(plan, study)
    assert trial is not None
    with held(plan, trial.number):
        open_study(plan, resume=True)
        assert states(plan)[1][0] == "RUNNING"


def test_what_falls_behind_others_on_validation_is_ended_and_what_leads_is_not(
    tmp_path, monkeypatch
):
    early = functools.partial(optuna.pruners.MedianPruner, n_startup_trials=2)
    monkeypatch.setattr(optuna.pruners, "MedianPruner", early)
    plan, stub = plan_in(tmp_path, pruned=True), Stub()
    search(plan, stub.work, resume=False)
    study, found = states(plan)  # of 1.1 and 0.1, which are waited for, then 1.0 and 1.5
    assert found == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    assert study.trials[2].intermediate_values == {10: 1.5}
    assert [trial.user_attrs["steps"] for trial in study.trials] == [20, 20, 10, 10]


def test_a_trial_is_prepared_and_trained_and_judged_by_its_best_validation(tmp_path, monkeypatch):
    done = []

    def stages(job, names):
        done.append(names)
        job.run.logs.mkdir(parents=True)
        write_text(job.run.validation_log, "step,mse\n10,3.0\n20,2.0\n30,2.5\n40,nan\n")

    monkeypatch.setattr("tfvp.tuning.trial.run_stages", stages)
    experiment = load_config("e3d", preset="quick", overrides=[f"results={tmp_path}"])
    found = usual_work(None, print).train(experiment, lambda step, value: False)
    assert found == Trained(value=2.0, step=20, steps=40)
    assert done == [("prepare", "train")], "the test split is for the best trial alone"
    higher = load_config("e3d", overrides=["training.validation_metric=ssim_thesis"])
    write_text(Run(tmp_path / experiment.name).validation_log, "step,ssim_thesis\n1,0.5\n2,0.7\n")
    assert trained(Run(tmp_path / experiment.name), higher).value == 0.7


@pytest.mark.slow
def test_falling_behind_is_judged_by_validation_and_ends_a_trial(tmp_path):
    plan, stub = plan_in(tmp_path, sampler="random", trials=12, pruned=True), Stub()
    search(plan, stub.work, resume=False)
    _, found = states(plan)
    assert "PRUNED" in found
    assert len(found) == 12


def test_another_search_of_the_name_and_more_trials_after_the_test_are_refused(tmp_path):
    plan, stub = plan_in(tmp_path, trials=2), Stub()
    search(plan, stub.work, resume=False)
    with pytest.raises(RunError, match="another search: sampler was 'one_at_a_time'"):
        search(plan_in(tmp_path, trials=2, sampler="grid"), stub.work, resume=True)
    with pytest.raises(RunError, match="measured on the test split"):
        search(plan_in(tmp_path, trials=3), stub.work, resume=True)


def test_without_optuna_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune", "--config", "e3d", "--space", "e3d", "--trials", "2"]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"error: .*pip install optuna\n", said)


@pytest.mark.slow
def test_a_real_search_survives_kill_9(tmp_path):
    sets = [f"results={tmp_path}", f"data.prepared={tmp_path / 'data'}", *tiny.OF_ANY]
    sets += ["model.encoder=[12]", "model.decoder=[12]", "training.scheduled_sampling=null"]
    space = tmp_path / "space.yaml"
    write_text(space, "training.optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}")
    words = ["tune", "--config", "simple_lstm", "--space", str(space), "--trials", "3"]
    words += ["--name", "study", "--seeds", "1", "--sampler", "random"]
    words += [word for each in sets for word in ("--set", each)]
    command = [sys.executable, "-m", "tests.helpers.killed_run", "after_log", "4", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line == "now\n" for line in process.stdout)
        process.kill()
    assert main(words) == 1, "it exists"
    assert main([*words, "--resume"]) == 0
    folder = tmp_path / "study"
    study = optuna.load_study(study_name="study", storage=f"sqlite:///{folder / 'study.db'}")
    found = [trial.state.name for trial in study.trials]
    assert found == ["FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert study.trials[1].params == study.trials[0].params, "what was lost is tried again"
    assert study.user_attrs["repeats"].keys() == {"1"}
    tested = [path.parent.name for path in folder.glob("*/metrics.json")]
    assert tested == [f"trial_{study.best_trial.number:04d}"]
    log = read_log(Run(folder / tested[0]).validation_log)
    assert study.best_value == min(log["mse"])
    assert not list(folder.glob(".*.lock"))
    again = [*sets, "training.steps=2", "training.validate_every=2"]
    best = ["run", "--config", str(folder / "best.yaml"), "--stages", "prepare,train"]
    assert main([*best, *(word for each in again[-2:] for word in ("--set", each))]) == 0
    assert (tmp_path / "study-best" / "checkpoints").is_dir()
