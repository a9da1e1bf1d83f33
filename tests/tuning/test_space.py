"""Spaces of settings: what they hold, and what is said where they are wrong."""

import pytest

from tests import ROOT
from tfvp.config.loading import load_config
from tfvp.errors import ConfigError
from tfvp.tuning.space import find_space, read_space

SHIPPED = {
    "tau": ("tau_seed004", None),
    "dittrich_kth": ("autoencoder_conv_lstm", "tuned"),
    "dittrich_kth_st_lstm": ("autoencoder_st_lstm", "tuned"),
    "e3d": ("e3d", None),
}


def load(changes):
    return load_config("e3d", preset="quick", overrides=changes)


def read(folder, text):
    path = folder / "space.yaml"
    path.write_text(text, "utf-8")
    return read_space(path, load)


def test_every_space_that_comes_with_tfvp_fits_its_configuration():
    assert {path.stem for path in (ROOT / "configs" / "spaces").glob("*.yaml")} == set(SHIPPED)
    for name, (config, preset) in SHIPPED.items():
        space = read_space(
            find_space(name),
            lambda changes, c=config, p=preset: load_config(c, preset=p, overrides=changes),
        )
        assert space


def test_keys_that_share_a_value_and_every_kind_of_range(tmp_path):
    both, wiring, rate, batch = read(
        tmp_path,
        "training.loss.l1, training.loss.l2: {values: [0.5, 1.0]}\n"
        "model.wiring: {values: [plain, residual]}\n"
        "training.optimizer.learning_rate: {low: 1e-5, high: 1e-2, log: true}\n"
        "training.validate_every: {low: 100, high: 300, step: 100}\n",
    )
    assert both.overrides("0.5") == ["training.loss.l1=0.5", "training.loss.l2=0.5"]
    assert load(wiring.overrides('"residual"')).model.wiring == "residual"
    assert load(rate.overrides(1e-5)).training.optimizer.learning_rate == 1e-5
    assert (rate.steps(), batch.steps(), batch.whole) == (None, [100, 200, 300], True)
    assert wiring.stored(load([])) == '"plain"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model.wirin: {values: [plain]}", "unknown key; did you mean model.wiring?"),
        ("model.wiring: {value: [plain]}", "unknown value; .* did you mean values?"),
        ("model.wiring: {values: [plain, round]}", "model.wiring.*round"),
        ("model.wiring: {values: plain}", "expected a list of values"),
        ("model.wiring: {values: [plain, plain]}", "twice"),
        ("model.wiring: [plain]", "expected {values"),
        ("training.loss.l1: {low: 1, high: 0}", "low must be below high"),
        ("training.loss.l1: {low: 0, high: 1, log: true}", "low above 0"),
        ("training.loss.l1: {low: 0.1, high: 1, log: true, step: 0.1}", "exclude each other"),
        ("training.loss.l1: {low: -1, high: 1}", "training.loss.l1.*at least 0"),
        ("training.loss.l1: {low: a, high: 1}", "low: expected a number"),
        ("training.loss.l1: {high: 1}", "low: expected a number"),
        ("training.seed: {values: [0, 1]}", "--seeds"),
        ("evaluation.checkpoint: {values: [best]}", "validation split"),
        ("training.validation_metric: {values: [mae]}", "judged by it"),
        ("data.frame_px: {values: [[32, 32]]}", "same data"),
        ("model.wiring: {values: [plain]}\nmodel.wiring, model.patch_px: {values: [4]}", "twice"),
        ("{}", "is empty"),
    ],
)
def test_a_wrong_space_is_refused_in_a_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


def test_a_space_that_is_not_there_names_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean dittrich_kth\?"):
        find_space("dittrich_kt")
