"""README.md of a pretrained network: a model card with the head that the Hugging Face Hub reads."""

import math

from tfvp.config.experiment import Experiment
from tfvp.config.yaml import write
from tfvp.evaluation.schema import MODEL, Metrics
from tfvp.presets.folder import Preset

# How a data set's terms begin -> the Hub's name for the licence.
_LICENCES = {"CC BY-SA 3.0": "cc-by-sa-3.0", "CC BY 4.0": "cc-by-4.0"}
UNSTATED = "not stated"


def card(name: str, experiment: Experiment, steps: int, measured: Metrics | None) -> str:
    """Write the card: what the network is, how to call it, its data, numbers and terms."""
    data = experiment.data
    height, width, channels = data.frame_shape
    given = f"uint8 ({data.context_frames}, {height}, {width}, {channels})"
    title = measured.metadata.title if measured else experiment.title
    lines = [
        f"# {title}",
        f"Predicts the next {data.predict_frames} frames of a video from {data.context_frames}; "
        f"network `{experiment.model.network}` of tfvp, trained for {steps:,} updates.",
        "## How to call it",
        "```python\nimport tfvp\n\n"
        f'predict = tfvp.Predictor.from_preset("{name}")  # or hf://ORG/{name}\n'
        f"future = predict(context)  # {given} -> the next frames, {data.predict_frames} of them\n"
        "```",
        f"    tfvp predict {name} --output prediction.gif",
        "## Data and numbers",
        *(numbers(measured) if measured else ["These weights were not measured."]),
        "## Licence",
        terms_sentence(measured),
    ]
    head = write(_head(experiment, measured))
    return f"---\n{head}---\n\n" + "\n\n".join(lines) + "\n"


def about(preset: Preset) -> dict[str, str]:
    """Describe a preset in a few lines, by name: what it is, and its first error beside copying.

    Raises:
        UserError: it is damaged.
    """
    experiment, measured = preset.experiment, preset.metrics
    size = preset.record.files["model.safetensors"].bytes
    said = {
        "title": experiment.title,
        "network": experiment.model.network,
        "data": measured.metadata.data if measured else experiment.data.dataset,
        "size": f"{size / 1e6:.2f} MB",
        "updates": f"{preset.record.steps:,}",
    }
    if measured:
        name = next(iter(measured.metrics))
        found = {m: by[name].value for m, by in measured.results.items() if name in by}
        copied = found.get("copy_last_frame", math.nan)
        title = measured.metrics[name].title
        said["error"] = f"{title} {found[MODEL]:.4g}; copy last frame {copied:.4g}"
    return {**said, "licence": f"of the data: {terms_of(measured)}"}


def terms_of(measured: Metrics | None) -> str:
    """Return the terms of the data that the network was trained on, as its data set states them."""
    facts = (measured.metadata.model_extra or {}).get("data_facts", {}) if measured else {}
    terms = facts.get("terms") if isinstance(facts, dict) else None
    return str(terms or UNSTATED)


def may_be_passed_on(measured: Metrics | None) -> bool:
    """Return whether the data's terms, where they are stated, are a licence to pass frames on."""
    terms = terms_of(measured)
    return terms == UNSTATED or _licence(terms) != "other"


def _licence(terms: str) -> str:
    return next((hub for start, hub in _LICENCES.items() if terms.startswith(start)), "other")


def terms_sentence(measured: Metrics | None) -> str:
    """Write what the data's owners ask for."""
    return f"Terms of the data that the weights were trained on: {terms_of(measured)}."


def numbers(measured: Metrics) -> list[str]:
    """Write data, label, and a table of the network beside the baselines, as Markdown."""
    metadata, names = measured.metadata, list(measured.metrics)
    label = [f"**{metadata.label}**"] if metadata.label else []
    rows = [
        "| | " + " | ".join(measured.metrics[name].title for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {'this network' if method == MODEL else method.replace('_', ' ')} | "
            + " | ".join(_number(by[name].value) if name in by else "" for name in names)
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


def _head(experiment: Experiment, measured: Metrics | None) -> dict[str, object]:
    """Make the Hub's metadata; `license` is that of the data, the nearest that can be said."""
    terms = terms_of(measured)
    licence = _licence(terms)
    head: dict[str, object] = {
        "library_name": "keras",
        "license": licence,
        "tags": ["tfvp", "video-prediction", experiment.model.network, experiment.data.dataset],
    }
    if licence == "other":
        head["license_name"] = "see-below"
    if measured:
        head["metrics"] = list(measured.metrics)
        head["model-index"] = [_results(experiment, measured)]
    return head


def _results(experiment: Experiment, measured: Metrics) -> dict[str, object]:
    found = [
        {"type": name, "name": measured.metrics[name].title, "value": value.value}
        for name, value in measured.results[MODEL].items()
        if math.isfinite(value.value)
    ]
    data = {"type": experiment.data.dataset, "name": measured.metadata.data}
    task = {"type": "video-prediction", "name": "Video prediction"}
    return {
        "name": measured.metadata.title,
        "results": [{"task": task, "dataset": data, "metrics": found}],
    }
