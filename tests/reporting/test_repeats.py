"""Runs of several seeds share a row, and claims are judged by paired comparisons of them."""

import numpy as np
import pytest
from scipy import stats

from tests.helpers.small_runs import make_run
from tfvp.cli.main import main
from tfvp.config.extends import config_names
from tfvp.config.loading import dump, load_resolved
from tfvp.errors import RunError
from tfvp.reporting.claims import Judged, claims_table, load_claims, verdict_of
from tfvp.reporting.evaluated_run import read_evaluated_runs, repeats
from tfvp.reporting.paired import Gain, paired_table
from tfvp.reporting.tables.published import load_published
from tfvp.reporting.tables.rows import our_rows
from tfvp.system.files import write_text

SEEDS = {0: 0.50, 1: 0.52, 2: 0.54}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three seeds each of a good and of a bad network, and one seed of a third."""
    folder = tmp_path_factory.mktemp("repeats")

    def made(name: str, factor: float, title: str):
        return make_run(folder, name, factor=factor, title=title, metrics=("mse",))

    good = [made(f"e3d_residual-quick-seed{s}", f, "Residual") for s, f in SEEDS.items()]
    bad = [made(f"e3d-quick-seed{s}", f - 0.3, "Plain") for s, f in SEEDS.items()]
    return read_evaluated_runs([*good, *bad, made("e3d_l1-quick", 0.2, "l1")])


def test_runs_that_differ_in_their_seed_alone_share_a_row(runs):
    assert [len(group) for group in repeats(runs)] == [3, 3, 1]
    table = next(each for each in load_published().tables if each.id == "4.1")
    first, _, alone = our_rows(table, runs)
    cell = first.numbers[1][0]  # MSE
    values = [run.metrics.results["model"]["mse"].value for run in runs[:3]]
    assert cell.value == pytest.approx(np.mean(values))
    assert cell.spread.deviation == pytest.approx(np.std(values, ddof=1))
    interval = stats.t.interval(0.95, 2, np.mean(values), np.std(values, ddof=1) / 3**0.5)
    assert cell.value + cell.spread.half == pytest.approx(interval[1])
    assert cell.half == pytest.approx(
        np.mean([run.metrics.results["model"]["mse"].half_width for run in runs[:3]])
    )
    assert "seeds ±" in cell.text
    assert first.name.endswith("3 seeds")
    assert [str(detail) for detail in first.details[3:]] == [
        "0, 1, 2",
        "runs " + ", ".join(run.name for run in runs[:3]),
    ]
    assert alone.numbers[1][0].spread is None


def test_runs_of_one_seed_and_of_other_settings_stand_alone(tmp_path):
    twice = [make_run(tmp_path / name, "e3d-quick-seed1") for name in ("a", "b")]
    other = make_run(tmp_path, "e3d-quick-seed2", metrics=("mse",))
    assert [len(group) for group in repeats(read_evaluated_runs([*twice, other]))] == [1, 1, 1]
    longer = make_run(tmp_path, "e3d-quick-seed3", metrics=("mse",))
    assert [len(group) for group in repeats(read_evaluated_runs([other, longer]))] == [2]
    settings = load_resolved(longer.config_path)
    training = settings.training.model_copy(update={"steps": 7})
    write_text(longer.config_path, dump(settings.model_copy(update={"training": training})))
    assert [len(group) for group in repeats(read_evaluated_runs([other, longer]))] == [1, 1]


def test_a_gain_has_the_intervals_of_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.random((3, 20)), rng.random((2, 20)) + 0.2
    gain = Gain.of(first, second, higher_is_better=False)
    paired = stats.ttest_rel(second.mean(0), first.mean(0)).confidence_interval()
    seeds = stats.ttest_ind(second.mean(1), first.mean(1), equal_var=False).confidence_interval()
    assert gain.over_sequences == pytest.approx(tuple(paired))
    assert gain.over_seeds == pytest.approx(tuple(seeds))
    opposite = Gain.of(second, first, higher_is_better=False)
    assert (opposite.value, opposite.better) == (pytest.approx(-gain.value), gain.worse)
    assert Gain.of(first, second, higher_is_better=True).value == pytest.approx(-gain.value)


def test_every_two_networks_are_compared_on_the_same_sequences(runs):
    errors = [run.per_sequence("mse").mean(axis=1) for run in runs]
    good, bad, alone = errors[:3], errors[3:6], errors[6]
    table = paired_table(runs, "mse")
    rows = {row.texts[:2]: row.cells for row in table.sections[0].rows}
    assert list(rows) == [
        ("Residual, 3 seeds", "Plain, 3 seeds"),
        ("Residual, 3 seeds", "l1"),
        ("Plain, 3 seeds", "l1"),
    ]
    gains = [np.mean(bad, 0) - np.mean(good, 0), alone - np.mean(good, 0), alone - np.mean(bad, 0)]
    for cells, gain in zip(rows.values(), gains, strict=True):
        assert cells[2].value == pytest.approx(gain.mean())
        low, high = stats.ttest_1samp(gain, 0).confidence_interval()
        assert cells[3].text == f"{low:.3g} to {high:.3g}"
        assert cells[-1].text == ("+" if low > 0 else "−" if high < 0 else "undecided")
    assert [cells[-1].text for cells in rows.values()].count("+") >= 1
    turned = paired_table(runs[::-1], "mse").sections[0].rows
    assert {row.texts[-1] for row in turned[-1:]} == {"−"}


ABOVE, AROUND, BELOW = (0.5, 1.5), (-0.5, 1.5), (-1.5, -0.5)


@pytest.mark.parametrize(
    ("over_sequences", "over_seeds", "budgets", "verdict"),
    [
        (ABOVE, ABOVE, 1, "supported"),
        (BELOW, BELOW, 1, "not"),
        (ABOVE, AROUND, 1, "undecided"),
        (AROUND, ABOVE, 1, "undecided"),
        (ABOVE, BELOW, 1, "undecided"),
        (BELOW, AROUND, 1, "undecided"),
        (ABOVE, None, 1, "undecided"),
        (BELOW, BELOW, 2, "undecided"),
        (ABOVE, ABOVE, 2, "undecided"),
    ],
)
def test_a_verdict_needs_both_intervals_and_one_budget(
    over_sequences, over_seeds, budgets, verdict
):
    gain = Gain(1.0, over_sequences, over_seeds, better=3, worse=1, p=0.6)
    judged = Judged([], [], "mse", gain, tuple(f"{n} × 8" for n in range(budgets)))
    assert judged.verdict == verdict


def test_a_claim_is_as_good_as_its_rows():
    def row(low: float, high: float) -> Judged:
        return Judged([], [], "mse", Gain(0.0, (low, high), (low, high), 3, 1, 0.6), ("7 × 8",))

    good, open_, bad = row(*ABOVE), row(*AROUND), row(*BELOW)
    assert verdict_of([good, good]) == "supported"
    assert verdict_of([good, open_]) == "undecided"
    assert verdict_of([good, open_, bad]) == "not"
    assert verdict_of([]) == "undecided"


def test_claims_are_judged_and_what_was_not_measured_is_said(runs):
    claims = {claim.id: claim for claim in load_claims()}
    table = claims_table([claims["residual"], claims["losses"], claims["time_kernel"]], runs)
    residual, losses, kernel = table.sections
    better = [row.texts for row in residual.rows if row.kind == "ours"]
    assert [(texts[3], texts[-1]) for texts in better] == [("MSE", "supported")]
    assert better[0][7].startswith("4 of 4")
    assert residual.title.endswith("supported")
    assert [row.texts[-1] for row in residual.rows][1:] == ["not measured", "not measured"]
    assert [row.texts[6] for row in losses.rows if row.kind == "ours"] == ["one seed"]
    assert losses.title.endswith("undecided")
    assert kernel.title.endswith("undecided")
    assert not [row for row in kernel.rows if row.kind == "ours"]


def test_claims_against_the_runs_are_not_supported(runs):
    claim = next(claim for claim in load_claims() if claim.id == "residual")
    turned = claim.model_copy(
        update={
            "comparisons": [
                claim.comparisons[0].model_copy(update={"better": "e3d", "worse": "e3d_residual"})
            ]
        }
    )
    assert claims_table([turned], runs).sections[0].title.endswith(": not")


def test_the_claims_name_configurations_and_a_page_shows_them(runs, tmp_path, capsys):
    named = {
        c for each in load_claims() for pair in each.comparisons for c in (pair.better, pair.worse)
    }
    assert named <= set(config_names())
    folders = [str(run.folder.root) for run in runs]
    page = tmp_path / "claims.html"
    assert main(["claims", *folders, "--out", str(page)]) == 0
    assert "supported" in page.read_text("utf-8")
    assert main(["claims", *folders]) == 0
    assert main(["claims", *folders, "--out", str(page)]) == 1
    assert "exists" in capsys.readouterr().err
    with pytest.raises(RunError, match="no such file"):
        load_claims(tmp_path / "none.yaml")
