"""The facts of an evaluation: what a reader of its numbers must know, from run and data."""

from collections.abc import Mapping
from typing import Any

from tfvp.config.experiment import Experiment
from tfvp.evaluation.schema import Facts, TrainedOn

_NOT_COMPARED = {"root", "prepared"}  # where data lies says nothing about what it is
_NOT_KEPT = {"title", "digits_origin"}  # said already; a path on one machine


def run_facts(
    experiment: Experiment,
    data_facts: Mapping[str, Any],
    *,
    steps: int,
    checkpoint: str,
    settings: Mapping[str, Any] | None = None,
    trained_on: TrainedOn | None = None,
    **more: Any,
) -> Facts:
    """Collect the facts of a run's evaluation.

    Args:
        experiment: what was run.
        data_facts: what the prepared data says about itself: `title`, `label`, where there are
            digits `digits_source`, where there are videos how many (`videos`).
        steps: optimizer updates of the evaluated weights.
        checkpoint: which weights these are, e.g. "best validation mse".
        settings: of the data, where they are not the experiment's.
        trained_on: the experiment's data, where those measured on are others.
        more: data_hash, and anything else worth printing.
    """
    if settings is None:
        settings = experiment.data.model_dump(mode="json", exclude=_NOT_COMPARED)
    found = {"digits": "digits_source", "videos": "videos"}
    really = {key: data_facts[fact] for key, fact in found.items() if fact in data_facts}
    more["data_facts"] = {k: v for k, v in data_facts.items() if k not in _NOT_KEPT}
    return Facts(
        config=experiment.config,
        title=experiment.title,
        label=_label(experiment, data_facts, trained_on),
        data=_sentence(experiment, data_facts),
        data_settings={**settings, **really},
        steps=steps,
        seed=experiment.training.seed,
        checkpoint=checkpoint,
        weights=experiment.evaluation.weights,
        trained_on=trained_on,
        **more,
    )


def _sentence(experiment: Experiment, data_facts: Mapping[str, Any]) -> str:
    """Data, frame size and protocol, e.g. `KTH, 128×128, 10→20`."""
    data = experiment.data
    height, width = data.frame_px
    protocol = f"{data.context_frames}→{data.predict_frames}"
    return f"{data_facts['title']}, {height}×{width}, {protocol}"


def _label(
    experiment: Experiment, data_facts: Mapping[str, Any], trained_on: TrainedOn | None
) -> str:
    """What stands on every table."""
    label = data_facts.get("label", "")
    if trained_on is None:
        return experiment.label or label
    said = [experiment.label, label, f"trained on other data: {trained_on.data}"]
    return "; ".join(dict.fromkeys(part for part in said if part))
