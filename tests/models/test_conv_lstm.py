"""ConvLSTM networks: counts of the literature, causality, every way through time."""

import pytest

from tfvp.config.loading import load_config
from tfvp.models.build import build_model

PEEPHOLE = "model.cell.peephole="
WIDE = ("model.cell.kernel=[9, 9]", "model.cell.state_kernel=[1, 1]")
COUNTS = {
    # one stack: as it was published, and what else it could have been
    ("conv_lstm_stack", ()): 3_700_481,
    ("conv_lstm_stack", (f"{PEEPHOLE}channel",)): 3_701_249,
    ("conv_lstm_stack", ("model.patch_px=4",)): 3_896_336,
    ("conv_lstm_stack", ("model.patch_px=4", f"{PEEPHOLE}channel")): 3_897_104,
    ("conv_lstm_stack", ("model.patch_px=4", f"{PEEPHOLE}full")): 4_092_944,
    ("conv_lstm_shi", ()): 7_585_296,
    ("conv_lstm_shi", ("model.order=reversed",)): 7_585_296,
    ("conv_lstm_shi", ("model.hidden=[128, 128]",)): 10_042_896,
    ("conv_lstm_shi", ("model.hidden=[256]",)): 13_524_496,
    ("conv_lstm_shi", (*WIDE, "model.hidden=[128, 128]")): 11_550_224,
    ("conv_lstm_shi", WIDE): 8_830_480,
    ("conv_lstm_shi", (f"{PEEPHOLE}full",)): 7_976_976,  # the formula read literally: not published
    ("conv_lstm_openstl", ()): 11_675_648,
    ("conv_lstm_openstl", ("model.hidden=[192, 192, 192, 192]",)): 26_115_072,
}


@pytest.mark.parametrize(("config", "changes"), COUNTS, ids=lambda x: " ".join(x) or "as is")
def test_parameter_counts(config, changes):
    experiment = load_config(config, overrides=changes)
    assert build_model(experiment).count_params() == COUNTS[config, changes]
