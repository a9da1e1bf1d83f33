"""The schema of results/published.yaml, which holds the literature's numbers, and its reader."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from tfvp.config.yaml import read_mapping
from tfvp.errors import RunError

Printed = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$")]
"""A number as it is printed; it is quoted in YAML so that trailing zeros stay."""


class Part(BaseModel):
    """A section of the file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PublishedRow(Part):
    """A row of a published table."""

    model: str
    values: dict[str, Printed | None] = Field(
        description="metric -> number as printed; null: the document has none there"
    )
    cited: str | None = Field(default=None, description="the paper that the document quotes")
    reference: str | None = Field(default=None, description="where that paper is found")
    ours: str | None = Field(default=None, description="the configuration that reproduces the row")
    preset: str | None = Field(
        default=None, description="the preset of it that does; its title is the row's model"
    )
    pair: Annotated[list[str], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="the two configurations of a row that is about two networks"
    )
    remark: str | None = Field(default=None, description="e.g. where another number was printed")


class PublishedSection(Part):
    """Rows that share a definition of their metrics."""

    id: str
    title: str
    note: str = Field(description="whose numbers these are and how they were measured")
    steps: int | None = Field(default=None, description="optimizer updates of its networks")
    rows: list[PublishedRow]


class PublishedMetric(Part):
    """A column of numbers."""

    name: str
    title: str
    better: Literal["lower", "higher"] | None = None
    ours: str | None = Field(
        default=None, description="our metric of the same definition; null: we have none"
    )
    cost: Literal["parameters", "macs", "clips_per_second"] | None = Field(
        default=None, description="in the place of `ours`: what the network costs"
    )
    frame: Literal["all", "first", "last"] = Field(
        default="all", description="the predicted frames that are averaged"
    )
    case: str | None = Field(
        default=None,
        description="the case of the robustness suite that ours is measured on; null: the run's "
        "own test split",
    )
    per_pixel: bool = Field(
        default=False,
        description="true: the published number is a mean over a frame's values, so ours, a sum, "
        "is divided by their number",
    )
    factor: float = Field(default=1.0, description="the published number is ours times this")
    converts: str | None = Field(
        default=None,
        description="another column: nothing is printed here, its numbers stand in our scale",
    )
    note: str | None = Field(
        default=None, description="whose numbers these are, where not the section's"
    )


class Source(Part):
    """The document in which a table is printed."""

    document: str
    table: str


class Correlation(Part):
    """The errors whose ranks a table of pairs of networks compares."""

    metric: str = Field(description="our metric: its mean over the predicted frames, by sequence")
    case: str = Field(description="of the robustness suite, where both runs were measured on it")


class PublishedTable(Part):
    """A table of the literature, in its own order."""

    id: str
    title: str
    source: Source
    protocol: dict[str, JsonValue] = Field(
        description="data settings that a run must share for its numbers to be comparable"
    )
    task: Literal["prediction", "reconstruction"] = Field(
        default="prediction", description="what the numbers are of; other runs stay out"
    )
    correlation: Correlation | None = Field(
        default=None, description="the rows are pairs of networks, compared sequence by sequence"
    )
    data: str = Field(description="the protocol in a few words")
    note: str = Field(description="how our data relates to the published")
    metrics: list[PublishedMetric]
    sections: list[PublishedSection]

    @model_validator(mode="after")
    def _values_have_columns(self) -> "PublishedTable":
        columns = {metric.name for metric in self.metrics if metric.converts is None}
        for row in self.rows:
            if set(row.values) != columns:
                raise ValueError(
                    f"Table {self.id}, {row.model}: expected values for {sorted(columns)}, got "
                    f"{sorted(row.values)}"
                )
        for metric in self.metrics:
            if metric.converts is not None and metric.converts not in columns:
                raise ValueError(f"Table {self.id}, {metric.name}: converts {metric.converts!r}")
        if "dataset" not in self.protocol:
            raise ValueError(f"Table {self.id}: protocol must name the dataset")
        return self

    @property
    def rows(self) -> list[PublishedRow]:
        """Return the rows of all sections, in order."""
        return [row for section in self.sections for row in section.rows]

    def metric(self, name: str) -> PublishedMetric:
        """Return the column with this name."""
        return next(metric for metric in self.metrics if metric.name == name)

    @property
    def frame_values(self) -> int:
        """Return the number of values in a frame of the table's protocol; 1: it names no size."""
        height_width: Any = self.protocol.get("frame_px", [1])
        channels: Any = self.protocol.get("channels", 1)
        return math.prod(height_width) * channels


class Published(Part):
    """The content of the file."""

    tables: list[PublishedTable]


def published_path() -> Path:
    """Find the file: beside the package in a checkout, or inside it in a wheel.

    Raises:
        RunError: the file is in neither place.
    """
    package = Path(__file__).resolve().parents[2]
    places = [folder / "results" / "published.yaml" for folder in (package.parent, package)]
    for place in places:
        if place.is_file():
            return place
    raise RunError(
        f"results/published.yaml is missing; looked at {', '.join(map(str, places))}; run tfvp "
        f"from its checkout"
    )


def load_published(path: Path | None = None) -> Published:
    """Read and check the published tables.

    Raises:
        RunError: the file is missing, or does not have the schema.
        ConfigError: the file is not YAML.
    """
    path = path or published_path()
    try:
        return Published.model_validate(read_mapping(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise RunError(f"{path}: {where}: {first['msg']}, got {first['input']!r:.80}") from None
