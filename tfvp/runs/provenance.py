"""Where a run's numbers came from: what started it, and every time it was continued."""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from tfvp.config.experiment import Experiment
from tfvp.config.loading import config_hash, dump
from tfvp.errors import RunError
from tfvp.runs.folder import CONFIG_DIGEST, Run, config_digest
from tfvp.system.files import write_json, write_text


def collect_provenance(experiment: Experiment, data_hash: str, device: str) -> dict[str, Any]:
    """Collect what tells where a run's numbers came from; nothing names the machine.

    Args:
        experiment: what is run.
        data_hash: hash of the prepared data.
        device: what computes, in words, e.g. "CPU, 2 cores".
    """
    return {
        **_this_process(device),
        "seed": experiment.training.seed,
        "deterministic": experiment.training.deterministic,
        "data_seed": experiment.data.model_dump().get("seed"),  # of a generator; videos have none
        **_hashes(experiment, data_hash),
    }


def note_resumption(
    run: Run,
    experiment: Experiment,
    *,
    data_hash: str,
    device: str,
    after_step: int,
    changed: Mapping[str, tuple[Any, Any]],
) -> None:
    """Add to a run's provenance that it goes on, and with what.

    Args:
        run: the run.
        experiment: what it goes on with; with changes it becomes the run's config.yaml.
        data_hash: hash of the prepared data.
        device: what computes, in words.
        after_step: updates done so far.
        changed: by key, a setting's value so far and from now on (`--force`).

    Raises:
        RunError: provenance.json is damaged.
    """
    provenance = read_provenance(run)
    if provenance.get("data_hash") != data_hash:
        changed = {**changed, "data_hash": (provenance.get("data_hash"), data_hash)}
    before = provenance.setdefault("resumed", {})
    entry = {**_this_process(device), "changed": changed} if changed else _this_process(device)
    before[f"{len(before) + 1}, after step {after_step}"] = entry
    provenance.update(_hashes(experiment, data_hash))
    if changed:  # the digest first is missing, then right: a kill in between harms nothing
        write_json(run.provenance_path, {**provenance, CONFIG_DIGEST: None})
        write_text(run.config_path, dump(experiment))
        provenance[CONFIG_DIGEST] = config_digest(run)
    write_json(run.provenance_path, provenance)


def read_provenance(run: Run) -> dict[str, Any]:
    """Read a run's provenance.json.

    Raises:
        RunError: it is missing or damaged.
    """
    path = run.provenance_path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise RunError(f"{path}: expected keys and values, got {type(content).__name__}")
    return content


def without_places(experiment: Experiment) -> Experiment:
    """Return an experiment without the folders and files of this machine that it names."""
    data = experiment.data
    places = {
        key: field.get_default()
        for key, field in type(data).model_fields.items()
        if isinstance(getattr(data, key), Path)
    }
    return experiment.model_copy(
        update={
            "data": data.model_copy(update=places),
            "results": type(experiment).model_fields["results"].get_default(),
        }
    )


def _this_process(device: str) -> dict[str, Any]:
    versions = {name: _version(name) for name in ("tfvp", "tensorflow", "jax", "keras", "numpy")}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "versions": {"python": platform.python_version(), **versions},
        "git": _git_state(),
        "device": device,
    }


def _hashes(experiment: Experiment, data_hash: str) -> dict[str, str]:
    return {"config_hash": config_hash(experiment), "data_hash": data_hash}


def _version(package: str) -> str | None:
    """Return the installed version; None when the package runs without being installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_state() -> dict[str, Any] | None:
    """Return the revision of tfvp's checkout and whether it was changed; None: no checkout."""
    package = Path(__file__).resolve()
    try:
        # A tfvp installed into another project's repository is not that repository's.
        _git("ls-files", "--error-unmatch", str(package), folder=package.parent)
        revision = _git("rev-parse", "HEAD", folder=package.parent)
        changes = _git("status", "--porcelain", "--untracked-files=no", folder=package.parent)
    except (OSError, subprocess.SubprocessError):
        return None
    return {"revision": revision, "dirty": bool(changes)}


def _git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
