"""MODEL_CARD.md beside an export: what it is, its data and numbers, the terms, how to call it."""

from tfvp.config.experiment import Experiment
from tfvp.evaluation.schema import read_metrics
from tfvp.presets.card import numbers, terms_sentence
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
    "model.safetensors": "weights by the path of their variable; `--init-from`, `tfvp import`",
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
        *(numbers(measured) if measured else ["The run was not evaluated yet."]),
        "## Licence",
        "The program is Apache-2.0. " + terms_sentence(measured),
    ]
    write_text(run.export / CARD, "\n\n".join(lines) + "\n")
