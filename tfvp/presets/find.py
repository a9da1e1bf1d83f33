"""Finds a pretrained network by its name, its folder, or its address on the network."""

import difflib
from pathlib import Path

from tfvp.config.experiment import Experiment
from tfvp.errors import WeightsError
from tfvp.presets.download import HUB, from_https, from_hub
from tfvp.presets.folder import RECORD, Preset
from tfvp.runs.folder import Run, open_run

PREFIX, HTTPS = "preset:", "https://"
FORMS = "preset:NAME (tfvp list presets), a preset's folder, hf://ORG/NAME or https://…"


def shipped() -> list[Preset]:
    """Return the presets that come with tfvp, sorted by name."""
    return [Preset(path.parent) for path in sorted(Path(__file__).parent.glob(f"*/{RECORD}"))]


def is_preset(source: str) -> bool:
    """Return whether a text can only mean a preset: `preset:`, an address, or a preset's folder."""
    return source.startswith((PREFIX, HUB, HTTPS)) or (Path(source) / RECORD).is_file()


def find_preset(source: str) -> Preset:
    """Return the preset that a text means; one with an address is fetched and kept.

    Args:
        source: `preset:NAME` or a bare NAME, a folder, `hf://ORG/NAME`, or `https://…`.

    Raises:
        WeightsError: there is none, or it cannot be fetched; says what there is.
    """
    if source.startswith(HUB):
        return Preset(from_hub(source))
    if source.startswith(HTTPS):
        return Preset(from_https(source))
    if (Path(source) / RECORD).is_file():
        return Preset(Path(source))
    name, there = source.removeprefix(PREFIX), {preset.name: preset for preset in shipped()}
    if name in there:
        return there[name]
    near = difflib.get_close_matches(name, there, n=1)
    hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
    raise WeightsError(
        f"{source}: no such preset; there are {', '.join(there) or 'none'}{hint}; expected a run's "
        f"folder, {FORMS}"
    )


def check_start(experiment: Experiment) -> None:
    """Make sure, before Keras is loaded, that a preset to start from is there and of this network.

    Raises:
        WeightsError: it is not.
    """
    source = str(experiment.training.init.source)
    if not is_preset(source):
        return
    theirs = find_preset(source).experiment
    if theirs.model.network != experiment.model.network:
        raise WeightsError(
            f"--init-from {source}: holds weights of the network {theirs.model.network}, expected "
            f"{experiment.model.network}; use its configuration, --config {theirs.config}"
        )


def find_trained(source: str | Path) -> Run | Preset:
    """Return the preset or the run that a text means; a shipped preset comes before a folder here.

    Raises:
        WeightsError: it names a preset that is not there.
        RunError: it is a folder without a run, or no folder.
    """
    text = str(source)
    bare = Path(text).name == text and not Path(text).exists()
    if bare or is_preset(text) or text in {preset.name for preset in shipped()}:
        return find_preset(text)
    return open_run(source)
