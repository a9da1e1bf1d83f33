"""Reference runs: what is kept of a run, what is refused, and README's table of them."""

import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests import ROOT
from tests.helpers.small_runs import LABEL, make_run
from tfvp.cli.main import main
from tfvp.config.loading import dump, load_config, load_resolved
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.errors import RunError
from tfvp.evaluation.schema import read_metrics
from tfvp.reporting import readme
from tfvp.reporting.evaluated_run import method_title, read_evaluated_run
from tfvp.reporting.kept_weights import MOST_BYTES, WEIGHTS
from tfvp.reporting.readme import BEGIN, END, reference_table, with_results
from tfvp.reporting.reference import command_anywhere, reference_folder, reference_runs
from tfvp.reporting.tables.table import estimate_text
from tfvp.runs.folder import CONFIG_DIGEST, Run, config_digest
from tfvp.system.files import write_json

COMMAND = "run.py --config e3d --set results=/there/results --set training.steps=3 --name e3d"
PROVENANCE = {
    "command": COMMAND,
    "git": {"revision": "abcdef0123" * 4, "dirty": False},
    "device": "CPU, 2 cores",
    "resumed": {
        "1, after step 5": {
            "command": COMMAND + " --resume --set=data.prepared=/there/data",
            "git": {"revision": "1" * 40, "dirty": False},
        }
    },
}


def finished(folder: Path, name: str = "e3d", network: str = "e3d", **more) -> Run:
    """A run that may be kept, of the network of the configuration `network`."""
    run = make_run(folder / "results", name, **more)
    write_json(run.provenance_path, PROVENANCE)
    changed = {"model": load_config(network).model}
    run.config_path.write_text(dump(load_resolved(run.config_path).model_copy(update=changed)))
    return run


def record(run: Run, folder: Path) -> int:
    return main(["report", str(run.root), "--record", "--reference", str(folder / "reference")])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The error, one line."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with a table's place, beside two kept runs on the same sequences."""
    for name, factor, network in (("e3d", 0.5, "e3d"), ("other", 1.0, "predrnn")):
        more = {"title": f"The {name}", "factor": factor, "network": network}
        assert record(finished(tmp_path, name, **more), tmp_path) == 0
    path = tmp_path / "PAGE.md"
    path.write_text(f"# Mine\n\n{BEGIN}\nwhat was here\n{END}\n\nThe end.\n")
    return path


BASELINES = ("copy_last_frame", "black_frame", "context_mean")


# --- what is kept -------------------------------------------------------------------------------


def test_what_is_kept_says_nothing_of_the_machine(tmp_path):
    data = MovingMnistData(frame_px=(16, 20), digit_px=8, root=tmp_path, prepared=tmp_path / "data")
    run = finished(tmp_path, data=data.model_copy(update={"context_frames": 3}))
    assert record(run, tmp_path) == 0
    (kept,) = reference_runs(tmp_path / "reference")
    assert sorted(path.name for path in kept.root.iterdir()) == [
        "config.yaml",
        "metrics.json",
        "per_frame.csv",
        "per_sequence.csv.gz",
        "provenance.json",
        "sample.gif",
    ]
    for path in kept.root.glob("*.*"):
        assert str(tmp_path).encode() not in path.read_bytes(), path.name
    experiment, before = load_resolved(kept.config_path), load_resolved(run.config_path)
    assert (str(experiment.results), experiment.data.root) == ("results", None)
    assert experiment.model_dump(exclude={"results", "data"}) == before.model_dump(
        exclude={"results", "data"}
    )
    assert read_metrics(kept.metrics_path) == read_metrics(run.metrics_path)
    provenance = json.loads(kept.provenance_path.read_text())
    expected = "run.py --config e3d --set training.steps=3 --name e3d"
    assert provenance["command"] == expected
    assert provenance["resumed"]["1, after step 5"]["command"] == expected + " --resume"
    assert provenance["git"] == PROVENANCE["git"]


@pytest.mark.parametrize(
    ("terms", "kept"),
    [
        ("for non-commercial research; cite Schüldt et al. 2004", False),
        ("CC BY-SA 3.0 (says Keras of MNIST)", True),
    ],
)
def test_frames_that_may_not_be_passed_on_are_not_kept(tmp_path, terms, kept):
    run = finished(tmp_path)
    metrics = json.loads(run.metrics_path.read_text())
    metrics["facts"]["data_facts"] = {"terms": terms}
    run.metrics_path.write_text(json.dumps(metrics))
    assert record(run, tmp_path) == 0
    (made,) = reference_runs(tmp_path / "reference")
    assert (made.root / "sample.gif").is_file() == kept


def test_the_networks_values_by_sequence_are_kept_and_can_be_compared(tmp_path, capsys):
    run = finished(tmp_path)
    assert record(run, tmp_path) == 0
    (kept,) = reference_runs(tmp_path / "reference")
    whole, read = read_evaluated_run(run), read_evaluated_run(kept)
    assert read.sequences.values.keys() == {"model"}
    for metric, values in whole.sequences.values["model"].items():
        np.testing.assert_array_equal(read.per_sequence(metric), values, err_msg=metric)
    other = finished(tmp_path, "other", factor=0.5)
    assert main(["compare", str(other.root), str(kept.root), "--out", str(tmp_path / "c")]) == 0
    assert "no common sequences" not in capsys.readouterr().out

    packed = kept.packed_sequences_path
    content = packed.read_bytes()
    for damage in (content[:-20], content[:40] + b"?" + content[41:], b"text"):
        packed.write_bytes(damage)
        with pytest.raises(RunError, match=r"per_sequence\.csv\.gz: "):
            read_evaluated_run(kept).sequences  # noqa: B018
    lines = gzip.decompress(content).decode().splitlines(keepends=True)
    packed.write_bytes(gzip.compress("".join(lines[:-1]).encode()))
    with pytest.raises(RunError, match="is cut short"):
        read_evaluated_run(kept).sequences  # noqa: B018


@pytest.mark.parametrize("kind", ["raw", "averaged"])
def test_small_weights_are_kept_as_they_were_measured_in_half_precision(tmp_path, kind):
    run = finished(tmp_path)
    metrics = json.loads(run.metrics_path.read_text())
    metrics["facts"] |= {"weights": kind}
    write_json(run.metrics_path, metrics)
    path = run.checkpoints / f"step-{metrics['facts']['steps']:08d}.npz"
    path.parent.mkdir()
    state = {
        "step": np.asarray(600),
        "weights/kernel": np.asarray([0.1, 1e6], "float32"),
        "weights/seen": np.asarray([0.1], "float32"),
        "average/seen": np.asarray([3.0], "float32"),
        "optimizer/m": np.ones(3, "float32"),
    }
    np.savez(path, **state)
    assert record(run, tmp_path) == 0
    (kept,) = reference_runs(tmp_path / "reference")
    found = dict(np.load(kept.root / "weights.npz", allow_pickle=False))
    assert found.keys() == {"step", "weights/kernel", "weights/seen"}
    assert found["weights/seen"] == np.float16(0.1 if kind == "raw" else 3.0)
    np.testing.assert_array_equal(found["weights/kernel"], state["weights/kernel"])  # too large


def test_weights_that_hold_those_of_others_are_left_out(tmp_path):
    run = finished(tmp_path)
    changes = ["model.flow.enlarge=4", "training.loss.network=0"]
    other = load_config("tau_flow", overrides=changes)
    parts = {"model": other.model, "training": other.training}
    changed = load_resolved(run.config_path).model_copy(update=parts)
    run.config_path.write_text(dump(changed))
    path = run.checkpoints / f"step-{read_metrics(run.metrics_path).metadata.steps:08d}.npz"
    path.parent.mkdir()
    np.savez(path, **{"step": np.asarray(1), "weights/kernel": np.ones(2, "float32")})
    assert record(run, tmp_path) == 0
    (kept,) = reference_runs(tmp_path / "reference")
    assert not (kept.root / "weights.npz").exists()


def test_large_weights_are_left_out_and_damaged_ones_refused(tmp_path, capsys):
    run = finished(tmp_path)
    path = run.checkpoints / f"step-{read_metrics(run.metrics_path).metadata.steps:08d}.npz"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    assert record(run, tmp_path) != 0
    assert f"{path} is damaged" in said(capsys)
    assert not reference_runs(tmp_path / "reference")
    large = np.random.default_rng(0).normal(size=2_500_000).astype("float32")
    np.savez(path, **{"step": np.asarray(1), "weights/kernel": large})
    assert record(run, tmp_path) == 0
    (kept,) = reference_runs(tmp_path / "reference")
    assert not (kept.root / "weights.npz").exists()


def test_nothing_is_overwritten(tmp_path, capsys):
    run = finished(tmp_path)
    assert record(run, tmp_path) == 0
    kept = tmp_path / "reference" / "e3d" / "metrics.json"
    kept.write_text("mine")
    assert record(run, tmp_path) != 0
    assert "never overwritten" in said(capsys)
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("git", [None, {"revision": "a" * 40, "dirty": True}])
@pytest.mark.parametrize("resumed", [False, True])
def test_code_that_is_in_no_commit_is_refused(tmp_path, capsys, git, resumed):
    run = finished(tmp_path)
    provenance = json.loads(json.dumps(PROVENANCE))
    (provenance["resumed"]["1, after step 5"] if resumed else provenance)["git"] = git
    write_json(run.provenance_path, provenance)
    assert record(run, tmp_path) != 0
    assert "made by code that is in no commit" in said(capsys)
    assert not (tmp_path / "reference").exists()


def test_a_path_that_is_left_is_refused(tmp_path, capsys):
    run = finished(tmp_path, label="digits of /home/somebody/mnist")
    assert record(run, tmp_path) != 0
    assert "config.yaml names /home/somebody/mnist, a path of this machine" in said(capsys)
    assert list((tmp_path / "reference").iterdir()) == []


def test_a_run_that_was_not_evaluated_is_refused(tmp_path, capsys):
    run = finished(tmp_path)
    run.metrics_path.unlink()
    assert record(run, tmp_path) != 0
    assert "run the evaluate stage" in said(capsys)


def test_commands_keep_what_is_no_place():
    kept = "run.py --config e3d.yaml --set data.digits=sklearn --set=model.wiring=plain"
    assert command_anywhere(f"{kept} --set data.prepared=/a --set=results=/b") == kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--record"], "expected the folders of evaluated runs"),
        (["x", "--readme", "p.md"], "--record RUN adds one"),
        (["--readme", "p.md", "--format", "csv"], "print no tables"),
        (["--reference", "r"], "goes with --record or --readme"),
        (["--readme", "no/such.md"], "no/such.md: no such file"),
    ],
)
def test_what_does_not_go_together_is_one_line(capsys, arguments, message):
    assert main(["report", *arguments]) != 0
    assert message in said(capsys)


# --- README's table -----------------------------------------------------------------------------


def rows_of(page: Path) -> list[list[str]]:
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_stands_between_the_marks_and_nothing_else_changes(page, capsys):
    arguments = ["report", "--readme", str(page), "--reference", str(page.parent / "reference")]
    assert main(arguments) == 0
    first = page.read_text()
    assert first.startswith(f"# Mine\n\n{BEGIN}\n")
    assert first.endswith(f"\n{END}\n\nThe end.\n")
    assert "what was here" not in first
    assert main(arguments) == 0
    assert page.read_text() == first


def test_rows_are_the_runs_best_first_then_the_best_baseline(page):
    reference = page.parent / "reference"
    page.write_text(with_results(page.read_text(), page, reference))
    rows = rows_of(page)
    found = {run.name: read_metrics(run.metrics_path) for run in reference_runs(reference)}
    order = sorted(found, key=lambda name: found[name].results["model"]["mse"].value)
    of_baselines = {method: found["e3d"].results[method]["mse"].value for method in BASELINES}
    assert [row[0] for row in rows] == [
        *(f"**[The {name}](reference/{name})**" for name in order),
        method_title(min(of_baselines, key=lambda method: of_baselines[method])),
    ]
    for row, name in zip(rows, order, strict=False):
        assert row[1] == estimate_text(found[name].results["model"]["mse"])
        assert row[-1] == "600"
    text = page.read_text()
    assert f"- {LABEL[0].upper()}{LABEL[1:]}." in text
    assert "seed 0; data 0." in text


def test_readme_shows_the_first_metric_and_the_site_all(page):
    runs = [read_evaluated_run(run) for run in reference_runs(page.parent / "reference")]
    table = reference_table(runs, "reference")
    ssim = [i for i, column in enumerate(table.columns) if column.startswith("SSIM")]
    assert ssim
    assert any(text.startswith("SSIM") for _, text in table.footnotes)
    text = with_results(page.read_text(), page, page.parent / "reference")
    assert "MSE" in text
    assert "SSIM" not in text


def test_a_kept_run_can_be_reported_and_its_configuration_is_still_checked(tmp_path, capsys):
    run = finished(tmp_path)
    digest = config_digest(Run(run.root))
    write_json(run.provenance_path, {**PROVENANCE, CONFIG_DIGEST: digest})
    assert record(run, tmp_path) == 0
    kept = Run(tmp_path / "reference" / "e3d")
    assert config_digest(kept) != digest, "it no longer says where its data lay"
    assert main(["report", str(kept.root)]) == 0
    kept.config_path.write_text(kept.config_path.read_text() + "\n")
    assert main(["report", str(kept.root)]) == 1
    assert "was changed after the run was made" in capsys.readouterr().err


def test_readme_shows_the_best_networks_and_says_how_many_more_there_are(page, monkeypatch):
    monkeypatch.setattr(readme, "NETWORKS", 1)
    page.write_text(with_results(page.read_text(), page, page.parent / "reference"))
    assert [row[0] for row in rows_of(page)] == [
        *("**[The e3d](reference/e3d)**", "Context mean"),
    ]
    assert "- The best of each network; 1 more: see the documentation." in page.read_text()


def test_readme_shows_of_each_network_the_best_run(page):
    for name, factor in (("better", 0.6), ("worse", 1.2)):  # than "other", of the same network
        more = {"title": f"The {name}", "factor": factor, "network": "predrnn"}
        assert record(finished(page.parent, name, **more), page.parent) == 0
    page.write_text(with_results(page.read_text(), page, page.parent / "reference"))
    assert [row[0] for row in rows_of(page)][:2] == [
        *("**[The better](reference/better)**", "**[The e3d](reference/e3d)**"),
    ]
    assert "; 2 more: see" in page.read_text()


def test_readme_has_a_table_for_full_runs_on_other_data_and_for_most_of_those_on_the_same(page):
    folder, larger, other = (
        page.parent,
        MovingMnistData(frame_px=(24, 20), digit_px=8),
        MovingMnistData(frame_px=(32, 20), digit_px=8),
    )
    for name, more in (
        ("larger", {"data": larger, "label": ""}),
        ("quick", {"data": other, "label": "quick run"}),
        ("less", {"seed": 1}),
    ):
        assert record(finished(folder, name, title=f"The {name}", **more), folder) == 0
    text = with_results(page.read_text(), page, folder / "reference")
    titles = re.findall(r"^\*\*(Moving MNIST.*)\*\*$", text, re.MULTILINE)
    assert [title.partition(":")[0].split(", ")[1] for title in titles] == ["16×20", "24×20"]
    assert "The larger" in text
    assert "The quick" not in text
    assert "The less" not in text


def test_a_changed_run_or_page_is_noticed(page):
    reference = page.parent / "reference"
    current = with_results(page.read_text(), page, reference)
    assert with_results(current, page, reference) == current
    assert with_results(current.replace("| 600 |", "| 700 |"), page, reference) == current
    path = reference / "e3d" / "metrics.json"
    path.write_text(path.read_text().replace('"steps": 600', '"steps": 601'))
    assert with_results(current, page, reference) != current
    shutil.rmtree(reference / "other")
    assert "The other" not in with_results(current, page, reference)


@pytest.mark.parametrize(
    "text", ["none", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n" * 2 + END]
)
def test_a_page_without_a_place_for_it_is_refused(tmp_path, text):
    with pytest.raises(RunError, match="expected one line `<!-- results: written by"):
        with_results(text, tmp_path / "PAGE.md", tmp_path)


# --- the project's own --------------------------------------------------------------------------


def test_readme_is_current():
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    assert with_results(text, readme, reference_folder()) == text, (
        "run tfvp report --readme README.md"
    )


def test_reference_runs_are_of_commits_small_and_of_no_machine():
    for run in reference_runs(reference_folder()):
        provenance = json.loads(run.provenance_path.read_text("utf-8"))
        assert provenance["git"]["dirty"] is False
        assert re.fullmatch("[0-9a-f]{40}", provenance["git"]["revision"])
        metadata = read_metrics(run.metrics_path).metadata
        assert "not comparable" in metadata.label or metadata.data_settings["digits"] != "sklearn"
        for path in run.root.rglob("*"):
            limit = MOST_BYTES if path.name == WEIGHTS else 300_000
            assert path.stat().st_size < limit, path
            assert path.suffix in {".yaml", ".json", ".csv", ".gz", ".gif", ".npz"}, path
            if path.suffix in {".yaml", ".json", ".csv"}:
                assert not re.search(r"(?<!\w)/(work|home|root|tmp|Users|mnt)/", path.read_text())
