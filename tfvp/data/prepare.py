"""Prepares the data of a configuration once, and finds the prepared folder again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tfvp.data import manifest as manifests
from tfvp.data import shards, verify
from tfvp.data.base import DatasetContents, Report
from tfvp.data.manifest import Manifest
from tfvp.data.raw_folder import NoRawData
from tfvp.data.records import ClipSource, RecordReader
from tfvp.data.registry import dataset_of
from tfvp.errors import DataError
from tfvp.sections import DataSection


@dataclass(frozen=True)
class PreparedData:
    """A prepared folder whose manifest agrees with itself."""

    folder: Path
    manifest: Manifest

    @property
    def hash(self) -> str:
        """The hash of everything that decides the bytes, 12 hexadecimal digits."""
        return self.manifest.hash

    @property
    def facts(self) -> dict[str, Any]:
        """What tables must say of the data: title, label, counts, terms, citation and others."""
        return self.manifest.facts

    @property
    def terms(self) -> list[str]:
        """The lines that say under which terms the data may be used, and what to cite."""
        cited = [f"cite: {citation}" for citation in self.facts.get("citation", [])]
        return [f"terms of use: {self.facts.get('terms', 'not stated')}", *cited]

    def split(self, name: str) -> RecordReader:
        """Return a split's reader; raises DataError when there is none or a shard is not whole."""
        return self.manifest.reader(self.folder, name)

    def verify(self) -> list[str]:
        """Check every record; return a line for each fault, none when all is well."""
        problems = []
        for name in self.manifest.splits:
            try:
                problems += verify.damaged_records(self.split(name))
            except DataError as error:  # a shard is missing or cut short
                problems.append(str(error))
        if problems:
            return problems
        altered = verify.altered_shards(self.folder, self.manifest)
        return [f"{path}: its sha256 is not the one that was written" for _, path in altered]


def prepare(config: DataSection, *, report: Report, console: Console | None = None) -> PreparedData:
    """Write the prepared data of a configuration, or check and reuse what is there.

    All splits are written, also where training reads endless clips: the folder does not depend on
    that. Where the raw data are missing, data that were prepared from them, here or elsewhere, are
    used.

    Args:
        config: the data section.
        report: takes lines for the console.
        console: where progress is shown; None: nowhere.

    Raises:
        NoRawData: there are neither raw data nor data prepared from them.
        DataError: the disk has too little space, what lies there is damaged or not ours, or parts
            of the raw data are missing; in that case the rest has been prepared.

    >>> import tempfile
    >>> from tfvp.data.moving_mnist.config import MovingMnistData
    >>> sizes = {f"{split}_sequences": 2 for split in ("train", "validation", "test")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     config = MovingMnistData(digits="sklearn", digit_px=16, prepared=folder, **sizes)
    ...     prepare(config, report=lambda line: None).split("test")[0].shape
    (20, 64, 64, 1)
    """
    console = console or Console(quiet=True)
    dataset, (before, _) = dataset_of(config), _matching(config)
    try:
        plan = dataset.plan(report)
    except NoRawData:
        if not before:
            raise
        return _reuse(config, report)
    if before and max(before)[0] > (dataset.match_score(plan.settings) or 0):
        return _reuse(config, report)  # what was found is only a stand-in for what was prepared
    folder = _folder(config, plan.settings)
    if folder.exists():
        return _reopen(folder, report)
    return _write(config, plan.read(console), report, console)


def _write(
    config: DataSection, contents: DatasetContents, report: Report, console: Console
) -> PreparedData:
    """Write what the raw data gave; raises DataError, at the end, when they are not complete."""
    folder = _folder(config, contents.settings)  # not the plan's when the raw data are incomplete
    if folder.exists():
        prepared = _reopen(folder, report)
    else:
        report(f"writing {folder}")
        began = time.monotonic()
        shards.write_folder(folder, config.dataset, contents, report, console)
        report(f"written in {time.monotonic() - began:.1f} s")
        prepared = _open(folder)
    if contents.incomplete:
        raise DataError(
            f"{contents.incomplete}; the rest is prepared in {folder}: to work with it, "
            "--allow-missing or data.allow_missing: true"
        )
    return prepared


def open_prepared(config: DataSection) -> PreparedData:
    """Open what `prepare` made, without looking for raw data.

    Where several prepared folders match, it is the one with the highest match score.

    Raises:
        DataError: no prepared data match, several match equally well, or they are not whole.
    """
    home = config.prepared.expanduser()
    found, unreadable = _matching(config)
    if not found and unreadable:
        raise unreadable[0]
    if not found:
        raise DataError(
            f"{home}: no {config.dataset} prepared with these settings; prepare it: "
            "python run.py --config … --stages prepare"
        )
    best = [folder for score, folder in found if score == max(found)[0]]
    if len(best) > 1:
        raise DataError(
            f"{home}: the same settings were prepared from different raw data; remove one of "
            + ", ".join(folder.name for folder in best)
        )
    return _open(best[0])


def _matching(config: DataSection) -> tuple[list[tuple[int, Path]], list[DataError]]:
    """Return the prepared folders that match, as (score, folder), and unreadable manifests."""
    found: list[tuple[int, Path]] = []
    unreadable: list[DataError] = []
    home = config.prepared.expanduser()
    for path in sorted(home.glob(f"{config.dataset}-*/{manifests.NAME}")):
        try:
            manifest = manifests.load(path.parent)
        except DataError as error:  # of other settings, perhaps
            unreadable.append(error)
            continue
        if manifest.dataset != config.dataset:  # one whose name begins with this one's
            continue
        score = dataset_of(config).match_score(manifest.settings)
        if score is not None:
            found.append((score, path.parent))
    return found, unreadable


def training_source(config: DataSection, prepared: PreparedData, *, report: Report) -> ClipSource:
    """Return the clips of training: the prepared train split, or new ones without end.

    Raises:
        DataError: a shard is not whole, or the raw data for new clips are not found again.
    """
    if not config.endless:
        return prepared.split("train")
    return dataset_of(config).endless_clips(prepared.manifest.settings, report)


def _folder(config: DataSection, settings: Mapping[str, Any]) -> Path:
    name = f"{config.dataset}-{manifests.settings_hash(settings)}"
    return config.prepared.expanduser() / name


def _reuse(config: DataSection, report: Report) -> PreparedData:
    """Open data that were prepared before from raw data that are not here."""
    prepared = open_prepared(config)
    _check_unaltered(prepared)
    report(
        f"using {prepared.folder}, prepared before from raw data that are not here now: every "
        "shard is as it was written"
    )
    return prepared


def _reopen(folder: Path, report: Report) -> PreparedData:
    prepared = _open(folder)
    _check_unaltered(prepared)
    report(f"using {folder}: every shard is as it was written")
    return prepared


def _open(folder: Path) -> PreparedData:
    prepared = PreparedData(folder, manifests.load(folder))
    for name in prepared.manifest.splits:
        prepared.split(name)  # raises when a shard is missing or cut short
    return prepared


def _check_unaltered(prepared: PreparedData) -> None:
    """Raise DataError, naming shard and record, when bytes are not those that were written."""
    for split, path in verify.altered_shards(prepared.folder, prepared.manifest):
        damage = [d for d in verify.damaged_records(prepared.split(split)) if str(path) in d]
        again = f"remove {prepared.folder} and prepare the data again"
        raise DataError(damage[0] if damage else f"{path}: its bytes were altered; {again}")
