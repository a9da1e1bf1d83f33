"""Collects the metadata of an evaluation: which run and which data its numbers belong to."""

from collections.abc import Mapping
from typing import Any

from tfvp.config.experiment import Experiment
from tfvp.evaluation.schema import Metadata, TrainedOn

_NOT_COMPARED = {"root", "prepared"}  # where data lies does not change the numbers
_NOT_KEPT = {"title", "digits_origin"}  # is part of `data`; is a path on one machine


def run_metadata(
    experiment: Experiment,
    data_metadata: Mapping[str, Any],
    *,
    steps: int,
    checkpoint: str,
    settings: Mapping[str, Any] | None = None,
    trained_on: TrainedOn | None = None,
    **more: Any,
) -> Metadata:
    """Collect the metadata of a run's evaluation.

    Args:
        experiment: the experiment whose network was measured.
        data_metadata: what the manifest of the prepared data says about them: `title`, `label`,
            `digits_source` where there are digits, and `videos`, their number, where there are any.
        steps: the number of optimizer updates of the evaluated weights.
        checkpoint: which weights these are, e.g. "best validation mse".
        settings: the data settings, where they are not those of the experiment.
        trained_on: the experiment's data, where the network was measured on other data.
        more: `data_hash`, and any further keys, which are kept and printed.
    """
    if settings is None:
        settings = experiment.data.model_dump(mode="json", exclude=_NOT_COMPARED)
    found = {"digits": "digits_source", "videos": "videos"}
    really = {key: data_metadata[name] for key, name in found.items() if name in data_metadata}
    more["data_facts"] = {k: v for k, v in data_metadata.items() if k not in _NOT_KEPT}
    return Metadata(
        config=experiment.config,
        title=experiment.title,
        label=_label(experiment, data_metadata, trained_on),
        data=_sentence(experiment, data_metadata),
        data_settings={**settings, **really},
        steps=steps,
        seed=experiment.training.seed,
        checkpoint=checkpoint,
        weights=experiment.evaluation.weights,
        trained_on=trained_on,
        **more,
    )


def _sentence(experiment: Experiment, data_metadata: Mapping[str, Any]) -> str:
    """Name the data, frame size and protocol, e.g. `KTH, 128×128, 10→20`."""
    data = experiment.data
    height, width = data.frame_px
    protocol = f"{data.context_frames}→{data.predict_frames}"
    if experiment.evaluation.task == "reconstruction":
        protocol = f"{data.context_frames} reconstructed"
    return f"{data_metadata['title']}, {height}×{width}, {protocol}"


def _label(
    experiment: Experiment, data_metadata: Mapping[str, Any], trained_on: TrainedOn | None
) -> str:
    """The warning that stands on every table, e.g. that other digits were used; empty for none."""
    label, note = data_metadata.get("label", ""), experiment.model.prediction_note
    if trained_on is None:
        said = [experiment.label or label, note]
    else:
        said = [experiment.label, label, note, f"trained on other data: {trained_on.data}"]
    return "; ".join(dict.fromkeys(part for part in said if part))
