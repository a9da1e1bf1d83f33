"""MODEL_CARD.md beside an export: what it is, its data and numbers, the terms, how to call it."""

import math

from tfvp.config.experiment import Experiment
from tfvp.evaluation.schema import MODEL, Metrics, read_metrics
from tfvp.runs.folder import Run
from tfvp.system.files import write_text

CARD = "MODEL_CARD.md"

CALLS = {
    "saved_model": "`tf.saved_model.load(...)`, signature `serving_default` (float32 in [0, 1]) or "
    "`serving_uint8` (bytes); {shape} with {free} free; the answer's key is `predictions`",
    "model.tflite": "LiteRT, signature `serving_default`, float32 in [0, 1], B = 1 and T = {t} "
    "alone",
    "model.onnx": "ONNX Runtime, input `context`, output `predictions`, float32 in [0, 1], {free} "
    "free",
    "network.keras": "`keras.saving.load_model(...)` after `import tfvp`, or `--init-from`",
}


def write_card(run: Run, experiment: Experiment, step: int) -> None:
    """Write export/MODEL_CARD.md of a run, for every file that lies there; replaces an old one."""
    data = experiment.data
    height, width = data.frame_px
    shape = f"context (B, T, {height}, {width}, {data.channels})"
    answer = f"predictions (B, {data.predict_frames}, {height}, {width}, {data.channels})"
    measured = read_metrics(run.metrics_path) if run.metrics_path.is_file() else None
    frames = f"{data.context_frames} context frames"
    fixed = experiment.model.fixed_context
    free = f"B (T is {data.context_frames})" if fixed else "B and T"
    calls = [
        f"- `{name}`: {how.format(shape=shape, t=data.context_frames, free=free)}."
        for name, how in CALLS.items()
        if (run.export / name).exists()
    ]
    lines = [
        f"# {experiment.title}",
        f"Predicts the next {data.predict_frames} frames of a video; network "
        f"`{experiment.model.network}`, weights of step {step} of the run `{run.name}`. It "
        + (f"takes {frames} and no other number." if fixed else f"was trained with {frames}."),
        "## How to call it",
        f"In: {shape}. Out: {answer}; floats are not clipped to [0, 1].",
        "\n".join(calls),
        "## Data and numbers",
        *(_numbers(measured) if measured else ["The run was not evaluated yet."]),
        "## Licence",
        "The program is Apache-2.0. " + _terms(measured),
    ]
    write_text(run.export / CARD, "\n\n".join(lines) + "\n")


def _numbers(measured: Metrics) -> list[str]:
    """Write data, label, and a table of the network beside the baselines."""
    metadata, names = measured.metadata, list(measured.metrics)
    label = [f"**{metadata.label}**"] if metadata.label else []
    rows = [
        "| | " + " | ".join(measured.metrics[name].title for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {'this network' if method == MODEL else method.replace('_', ' ')} | "
            + " | ".join(_number(by[name].value) for name in names)
            + " |"
            for method, by in measured.results.items()
        ),
    ]
    said = [
        f"- {measured.metrics[name].title}: {measured.metrics[name].definition}" for name in names
    ]
    if any(math.isinf(each.value) for by in measured.results.values() for each in by.values()):
        said.append("- –: for a method that predicts a frame exactly, whose mean is infinite")
    counted = (
        f"{metadata.data}; {measured.protocol.sequences} test sequences; data {metadata.data_hash}."
    )
    return [counted, *label, "\n".join(rows), "\n".join(said)]


def _number(value: float) -> str:
    return f"{value:.5g}" if math.isfinite(value) else "–"


def _terms(measured: Metrics | None) -> str:
    """Write what the data's owners ask for."""
    facts = (measured.metadata.model_extra or {}).get("data_facts", {}) if measured else {}
    terms = facts.get("terms", "not stated") if isinstance(facts, dict) else "not stated"
    return f"Terms of the data that the weights were trained on: {terms}."
