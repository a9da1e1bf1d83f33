"""What metrics.json and per_frame.csv hold: the one schema that writing and reading share.

metrics.json is strict JSON: an infinite mean (PSNR of frames predicted exactly) is the text "inf",
an interval that cannot be computed is null.
"""

import csv
import io
import math
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tfvp.errors import RunError
from tfvp.evaluation.json_files import read_json

MODEL = "model"
"""The method's name of the network itself, beside the names of the baselines."""

INTERVAL = (
    "95 % confidence interval of the mean over sequences, normal approximation: mean of the "
    "sequences' means ± 1.96 × standard deviation (ddof 1) / √sequences"
)
COLUMNS = (
    "method",
    "metric",
    "frame",
    "horizon_step",
    "mean",
    "ci95_low",
    "ci95_high",
    "sequences",
    "definition",
)
Count = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """A part of metrics.json; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(Record):
    """A mean over sequences with its 95 % interval."""

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
        """Half the interval; None where there is none."""
        return None if self.ci95_high is None else self.ci95_high - self.value


class MetricFacts(Record):
    """What a metric's numbers mean."""

    title: str
    unit: str
    better: Literal["lower", "higher"]
    definition: str


class TrainedOn(Record):
    """The data of the run, where its network was measured on others."""

    data: str
    data_hash: str
    label: str


class Speed(Record):
    """How fast a network predicted while it was measured."""

    clips_per_second: float
    clips: Count = Field(description="that were timed")
    batch: Count = Field(description="clips at once")
    device: str
    definition: str = (
        "clips whose future is predicted in a second, from given frames to predicted frames in "
        "memory; reading data, metrics and the first batch, which is compiled, are not counted"
    )


class Cost(Record):
    """What a network costs."""

    parameters: Count = Field(description="weights that training changes")
    macs: float = Field(description="of predicting one clip")
    macs_definition: str = (
        "multiply-accumulates of all convolutions and matrix products in predicting the future of "
        "one clip, all given and predicted frames; FLOPs are twice as many"
    )
    speed: Speed | None = Field(
        description="null: too few clips to time a compiled call, or not predicted freely"
    )


class Facts(BaseModel):
    """What a reader of the numbers must know; further keys are kept and printed."""

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
    """What was predicted from what, and how intervals are made."""

    context_frames: Count
    predict_frames: Count
    first_frame: Count = Field(
        description="number of the first predicted frame in the clip, from 1"
    )
    history: Literal["own", "true"] = Field(
        default="own",
        description="what stands before a predicted frame: the network's own predictions, or one "
        "step at a time the true frames",
    )
    frame_shape: tuple[Count, Count, Count] = Field(description="height, width, channels")
    sequences: Count
    interval: str = INTERVAL


class Metrics(Record):
    """The whole of metrics.json; `results`: method -> metric -> mean over sequences and frames."""

    facts: Facts
    protocol: Protocol
    metrics: dict[str, MetricFacts]
    results: dict[str, dict[str, Estimate]]


class FrameRow(NamedTuple):
    """A line of per_frame.csv."""

    method: str
    metric: str
    frame: int  # number in the clip, from 1: context_frames + horizon_step
    horizon_step: int  # 1 for the first predicted frame
    mean: float
    ci95_low: float | None
    ci95_high: float | None
    sequences: int
    definition: str  # of the metric


def read_metrics(path: Path) -> Metrics:
    """Read metrics.json.

    Raises:
        RunError: it is missing, or not what an evaluation writes.
    """
    return read_json(Metrics, path, "run the evaluate stage on this run")


def frames_csv(rows: list[FrameRow]) -> str:
    """Write per_frame.csv's text; an empty field where there is no interval."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if field is None else field for field in row] for row in rows)
    return text.getvalue()


def read_frames(path: Path) -> list[FrameRow]:
    """Read per_frame.csv.

    Raises:
        RunError: it is missing, or not what an evaluation writes.
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
