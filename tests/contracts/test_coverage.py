"""What every cell comes with, an oracle, numbers of its program, a config; every golden is read."""

import ast

import pytest

from tests import GOLDENS, ROOT
from tests.helpers.mentions import mentions_in_tests
from tfvp.config.loading import load_config

PACKAGE = ROOT / "tfvp"

# cell -> numbers of the original program (files in tests/goldens/) that a test compares it with
CELL_GOLDENS = {
    "eidetic_lstm": ["e3d_lstm", "e3d_residual", "e2d_lstm", "e3d_lstm_memory_carried"],
    "st_lstm": ["predrnn", "predrnn_layer_norm"],
    "causal_lstm": ["predrnn_pp", "predrnn_pp_no_norm"],
    "ghu": ["predrnn_pp", "predrnn_pp_no_norm"],
    "prednet": ["prednet"],
    "conv_lstm": ["conv_lstm_skip"],
}
# cell -> why there are no numbers of an original program
NO_GOLDEN = {"fc_lstm": "the program of Srivastava et al. 2015 needs Python 2 and its own library"}
# files of cells/ that are no cell, and cells that a network always holds beside its cells
NO_CELL, PARTS = {"__init__", "base", "config", "make", "rnn"}, {"ghu": "predrnn_pp"}


def cells() -> dict[str, str]:
    """`kind` -> class name, read from the literal dict CELLS."""
    for node in ast.parse((PACKAGE / "cells" / "make.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CELLS":
            assert isinstance(node.value, ast.Dict)
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return {ast.literal_eval(k): ast.unparse(v) for k, v in pairs if k is not None}
    raise AssertionError("tfvp/cells/make.py: CELLS should be a literal dict")


def test_every_cell_file_is_in_cells_under_its_name():
    assert {path.stem for path in (PACKAGE / "cells").glob("*.py")} - NO_CELL == set(cells())


@pytest.mark.parametrize("kind", cells())
def test_every_cell_has_an_oracle_and_goldens_or_a_reason(kind):
    assert (ROOT / "tests" / "oracles" / f"{kind}.py").is_file()
    assert mentions_in_tests(f"tests.oracles.{kind}"), f"no test imports oracles.{kind}"
    assert (kind in CELL_GOLDENS) != bool(NO_GOLDEN.get(kind)), f"{kind}: a golden or a reason"
    made = [p.stem for p in GOLDENS.glob("*.npz") if kind in p.stem]
    assert kind not in NO_GOLDEN or not made, f"{kind} has numbers now: {made}"
    for golden in CELL_GOLDENS.get(kind, []):
        assert (GOLDENS / f"{golden}.npz").is_file(), golden
        assert mentions_in_tests(golden), f"no test compares with {golden}"


def test_every_golden_is_compared_with():
    for path in GOLDENS.glob("*.npz"):
        assert mentions_in_tests(path.stem), f"no test reads {path.name}"


@pytest.mark.parametrize("kind", cells())
def test_every_cell_has_a_config_that_uses_it(kind):
    models = [load_config(path).model for path in (ROOT / "configs").glob("*.yaml")]
    used = {model.cell.kind for model in models if hasattr(model, "cell")}
    networks = {model.network for model in models}
    assert kind in used | {part for part, network in PARTS.items() if network in networks}
