"""The page of what our numbers are compared with, from the tests that compare them."""

import ast
from pathlib import Path

import networks
from tfvp.config.loading import load_config
from tfvp.models.build import count_parameters
from tfvp.models.registry import MODELS, info

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "docs" / "goldens.txt"

HEAD = """# How we know

A wrong network of this field has the right shapes. So every network is compared with numbers that we
did not make.

## Numbers of the original programs

The original programs were run once, with small sizes and given weights, and what came out is kept in
`tests/goldens/`; it is never made again. Our network gets the same weights and frames. The table says how
far its predictions and its worst gradient are from the program's: relative errors,
|ours − program's| / |program's|. The tests hold each to its limit, {forward:.0e} for predictions and
{gradient:.0e} for gradients, on TensorFlow and on JAX.

```bash
python -m tests.helpers.goldens_table --both
```

{table}
PredRNN++ has limits of its own: every step with its norms enlarges a rounding error by about a half.
`tests/models/test_goldens_predrnn_pp.py` shows that its first predictions are within the limit of all and
that in float64 it is its equations.

Where no program was published, or none that runs, a cell is compared with its equations in plain NumPy
(`tests/oracles/`), and a network with the parameter count that its paper prints.

## Parameters

Counted as the literature counts: all that training learns, without running statistics. Counts that are
published are tested to be these.

{counts}
## Damage, speed, house rules

[Damaged files](../reliability.md) tells what a command does with broken input, [Performance](../performance.md)
what a training step costs. `tests/test_architecture.py` and `tests/contracts/` hold the rules that every file
and every network follows, see [The house](../house.md).
"""


def page() -> str:
    """Return the page."""
    limits = _limits()
    return HEAD.format(
        forward=limits["FORWARD"], gradient=limits["GRADIENT"], table=_table(), counts=_counts()
    )


def _limits() -> dict[str, float]:
    """Read the limits from the test helper, which importing would need the tests' packages for."""
    tree = ast.parse((ROOT / "tests" / "helpers" / "goldens_table.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(FORWARD, GRADIENT)":
            forward, gradient = ast.literal_eval(node.value)
            return {"FORWARD": forward, "GRADIENT": gradient}
    raise ValueError("tests/helpers/goldens_table.py: no line FORWARD, GRADIENT = …")


def _table() -> str:
    """Join what the command above printed for each backend: one row for each file of numbers."""
    found: dict[str, dict[str, list[str]]] = {}
    backend = ""
    for words in map(str.split, MEASURED.read_text("utf-8").splitlines()):
        if words[1:3] == ["predictions", "gradients"]:
            backend = words[0]
        elif words:
            found.setdefault(words[0], {})[backend] = [*words[1:-2], ""][:2]
    lines = [
        "| numbers | predictions, TensorFlow | gradients | predictions, JAX | gradients |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, by_backend in found.items():
        cells = [*by_backend.get("tensorflow", ["", ""]), *by_backend.get("jax", ["", ""])]
        lines.append(f"| `{name}` | {' | '.join(cell or '–' for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _counts() -> str:
    """Write a row for each network: its parameters as its reference configuration has it."""
    lines = ["| network | configuration | parameters |", "| --- | --- | --- |"]
    for shown, uri in (pair for entry in networks.uris() for pair in entry.items()):
        name = Path(uri).stem
        config = info(name).config
        link = f"[{shown}](../networks/{name}.md)"
        lines.append(f"| {link} | `{config}` | {count_parameters(load_config(config)):,} |")
    assert len(lines) == len(MODELS) + 2
    return "\n".join(lines) + "\n"
