"""The folder of a pretrained network: which files it has, and reading them with every check."""

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from tfvp.config.experiment import Experiment
from tfvp.config.loading import load_resolved
from tfvp.errors import ConfigError, RunError, WeightsError, first_line
from tfvp.evaluation.schema import Count, Metrics, Record, read_json, read_metrics
from tfvp.porting.safetensors import parse_safetensors

RECORD, CONFIG, WEIGHTS = "preset.json", "config.yaml", "model.safetensors"
METRICS, EXAMPLE, CARD = "metrics.json", "example.npz", "README.md"

FileName = Literal["config.yaml", "model.safetensors", "metrics.json", "example.npz"]
"""The files whose bytes preset.json answers for; the card may be edited."""


class FileRecord(Record):
    """What is known of a file before it is opened."""

    bytes: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class PresetRecord(Record):
    """The content of preset.json."""

    format: Literal[1] = 1
    tfvp: str | None = Field(description="the version that wrote it")
    steps: Count = Field(description="optimizer updates of the weights")
    files: dict[FileName, FileRecord]


class Example(NamedTuple):
    """A few test clips, and what the network makes of them."""

    frames: np.ndarray  # uint8 (N, T, H, W, C): context, then truth
    prediction: np.ndarray  # uint8 (N, Tp, H, W, C), of the last Tp frames


@dataclass(frozen=True)
class Preset:
    """A pretrained network's folder; nothing in it is ever run, and every file read is checked."""

    root: Path

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.root.name

    @property
    def config_path(self) -> Path:
        """Return the file of the experiment in which the network was trained."""
        return self.root / CONFIG

    @cached_property
    def record(self) -> PresetRecord:
        """Return the content of preset.json.

        Raises:
            RunError: it is missing or damaged.
        """
        return read_json(PresetRecord, self.root / RECORD, "save the preset")

    @cached_property
    def experiment(self) -> Experiment:
        """Return the experiment.

        Raises:
            WeightsError: config.yaml is not the one that was saved.
            RunError: this version of tfvp cannot build it.
        """
        self.read(CONFIG)
        try:
            return load_resolved(self.config_path)
        except ConfigError as error:
            raise RunError(
                f"{self.root}: saved by tfvp {self.record.tfvp}, not usable here: {error}"
            ) from None

    @property
    def metrics(self) -> Metrics | None:
        """Return what the network measured; None: its weights were not measured."""
        if METRICS not in self.record.files:
            return None
        self.read(METRICS)
        return read_metrics(self.root / METRICS)

    @property
    def example(self) -> Example | None:
        """Return the example clips; None: it has none.

        Raises:
            WeightsError: the file is not the one that was saved.
        """
        if EXAMPLE not in self.record.files:
            return None
        content = self.read(EXAMPLE)
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return Example(arrays["frames"], arrays["prediction"])
        except Exception as error:  # readers of zip and npy files raise whatever is in them
            raise WeightsError(f"{self.root / EXAMPLE}: {first_line(error)}") from None

    @property
    def weights_path(self) -> Path:
        """Return the file of the weights, once its bytes are known to be right.

        Raises:
            WeightsError: it is missing, or not the one that was saved.
        """
        self.read(WEIGHTS)
        return self.root / WEIGHTS

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by the path of their variable.

        Raises:
            WeightsError: the file is missing, or not the one that was saved.
        """
        return parse_safetensors(self.read(WEIGHTS), str(self.root / WEIGHTS))

    def read(self, name: FileName) -> bytes:
        """Return the bytes of a file after comparing them with preset.json.

        Raises:
            WeightsError: it is missing, or has another size or SHA-256; says which.
        """
        path, known = self.root / name, self.record.files.get(name)
        if known is None:
            raise WeightsError(f"{self.root / RECORD}: does not list {name}; save the preset again")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None
        got = hashlib.sha256(content).hexdigest()
        if got != known.sha256:
            raise WeightsError(
                f"{path}: damaged or changed: expected {known.bytes} bytes with the SHA-256 "
                f"{known.sha256[:12]}…, got {len(content)} bytes with {got[:12]}…; fetch or save "
                "the preset again"
            )
        return content
