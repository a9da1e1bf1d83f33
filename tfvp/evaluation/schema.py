"""The schema of metrics.json and per_frame.csv, shared by writing and reading.

metrics.json is strict JSON: an infinite mean (PSNR of frames predicted exactly) is the text "inf",
an interval that cannot be computed is null.
"""

import csv
import io
import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tfvp.errors import RunError

MODEL, ENTROPY_BOUND = "model", "entropy_bound"
"""Methods: the network, and the true frames in cross entropy alone; the others are baselines."""

INTERVAL = (
    "95 % confidence interval of the mean over sequences, normal approximation: mean of the "
    "sequences' means ± 1.96 × standard deviation (ddof 1) / √sequences"
)
Count = Annotated[int, Field(ge=0)]
Content = TypeVar("Content", bound=BaseModel)


class History(StrEnum):
    """The frames from which a predicted frame follows, named as files and options name them."""

    FREE_RUNNING = "own"  # the context, then the network's own predictions
    TEACHER_FORCED = "true"  # all true frames before it, one step at a time
    TRUE_PIXELS = "true_pixels"  # as before, and each pixel from the true ones before it
    RECONSTRUCTED = "reconstructed"  # the whole context, which is what the network gives back


class Record(BaseModel):
    """A part of a JSON file that an evaluation writes; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Estimate(Record):
    """A mean over sequences with its 95 % confidence interval."""

    mean: Annotated[float, Field(allow_inf_nan=False)] | Literal["inf"]
    ci95_low: float | None = Field(description="null: fewer than 2 sequences, or an infinite mean")
    ci95_high: float | None
    sequences: Count
    infinite: Count = Field(default=0, description="frames with an infinite value")

    @property
    def value(self) -> float:
        """The mean as a number."""
        return math.inf if self.mean == "inf" else self.mean

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval; None where there is no interval."""
        return None if self.ci95_high is None else self.ci95_high - self.value


class MetricInfo(Record):
    """What a reader must know about a metric's numbers."""

    title: str
    unit: str
    better: Literal["lower", "higher"]
    definition: str


class TrainedOn(Record):
    """The data on which a network was trained, where it was measured on other data."""

    data: str
    data_hash: str
    label: str


class Speed(Record):
    """How fast the network predicted during the evaluation."""

    clips_per_second: float
    clips: Count = Field(description="that were timed")
    batch: Count = Field(description="clips at once")
    device: str
    definition: str = (
        "clips whose future is predicted in a second, from given frames to predicted frames in "
        "memory; reading data, metrics and the first batch, which is compiled, are not counted"
    )


class Cost(Record):
    """The parameters, operations and speed of a network."""

    parameters: Count = Field(description="weights that training changes")
    macs: float = Field(description="of predicting one clip")
    macs_definition: str = (
        "multiply-accumulates of all convolutions and matrix products in predicting the future of "
        "one clip, all given and predicted frames; FLOPs are twice as many"
    )
    speed: Speed | None = Field(
        description="null: too few clips to time a compiled call, or not predicted freely"
    )


class Metadata(BaseModel):
    """Which run and data the numbers belong to; further keys are kept and printed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    config: str = Field(description="the configuration's name, by which published rows find ours")
    title: str
    label: str
    data: str = Field(description="the data in one sentence")
    data_settings: dict[str, JsonValue] = Field(
        description="what a published table's protocol is compared with, key by key; `digits` is "
        "the source that was really used"
    )
    steps: Count = Field(description="optimizer updates of the weights that were evaluated")
    seed: Count = Field(description="of initial weights, data order and sampling masks")
    checkpoint: str
    weights: Literal["raw", "averaged"]
    data_hash: str = Field(default="", description="of the prepared data that were measured on")
    cost: Cost | None = Field(default=None, description="null: measured before costs were")
    trained_on: TrainedOn | None = Field(
        default=None, description="null: the data that the network was trained on"
    )


class Protocol(Record):
    """Which frames were predicted from which frames, and how intervals are computed."""

    context_frames: Count
    predict_frames: Count = Field(description="that were measured: predicted or reconstructed")
    first_frame: Count = Field(description="number of the first of them in the clip, from 1")
    history: History = History.FREE_RUNNING
    frame_shape: tuple[Count, Count, Count] = Field(description="height, width, channels")
    sequences: Count
    interval: str = INTERVAL

    @property
    def task(self) -> Literal["prediction", "reconstruction"]:
        """What was measured."""
        return "reconstruction" if self.history == History.RECONSTRUCTED else "prediction"


class Metrics(Record):
    """The content of metrics.json.

    `results` is method -> metric -> mean over sequences and frames.
    """

    metadata: Metadata = Field(validation_alias="facts", serialization_alias="facts")
    protocol: Protocol
    metrics: dict[str, MetricInfo]
    results: dict[str, dict[str, Estimate]]

    def as_json(self) -> dict[str, Any]:
        """The content with the keys of the file."""
        return self.model_dump(mode="json", by_alias=True)


class FrameRow(NamedTuple):
    """A line of per_frame.csv: one method, metric and predicted frame."""

    method: str
    metric: str
    frame: int  # number in the clip, from 1: context_frames + horizon_step
    horizon_step: int  # 1 for the first predicted frame
    mean: float
    ci95_low: float | None
    ci95_high: float | None
    sequences: int
    definition: str  # of the metric


COLUMNS = FrameRow._fields


def read_metrics(path: Path) -> Metrics:
    """Read a metrics.json.

    Raises:
        RunError: the file is missing, or does not have this schema.
    """
    return read_json(Metrics, path, "run the evaluate stage on this run")


def read_json(content: type[Content], path: Path, remedy: str) -> Content:
    """Read a JSON file of a schema.

    Args:
        content: the class of the schema.
        path: the file.
        remedy: what writes the file, e.g. "run x", for the end of an error message.

    Raises:
        RunError: the file is missing, or does not have the schema.
    """
    try:
        return content.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path}: not there; {remedy} first") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise RunError(f"{path}: {where}: {first['msg']}; {remedy} again") from None


def frames_csv(rows: list[FrameRow]) -> str:
    """Make the text of per_frame.csv; fields are empty where there is no interval."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if field is None else field for field in row] for row in rows)
    return text.getvalue()


def read_frames(path: Path) -> list[FrameRow]:
    """Read a per_frame.csv.

    Raises:
        RunError: the file is missing, or does not have these columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError(f"expected the columns {', '.join(COLUMNS)}")
            return [_frame_row(row) for row in reader]
    except FileNotFoundError:
        raise RunError(f"{path}: not there; run the evaluate stage on this run first") from None
    except (ValueError, TypeError) as error:
        raise RunError(f"{path}: {error}; run the evaluate stage again to write it anew") from None


def _frame_row(row: dict[str, str]) -> FrameRow:
    return FrameRow(
        row["method"],
        row["metric"],
        int(row["frame"]),
        int(row["horizon_step"]),
        float(row["mean"]),
        float(row["ci95_low"]) if row["ci95_low"] else None,
        float(row["ci95_high"]) if row["ci95_high"] else None,
        int(row["sequences"]),
        row["definition"],
    )
