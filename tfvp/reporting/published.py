"""The literature's numbers as results/published.yaml holds them, checked when they are read."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from tfvp.errors import RunError
from tfvp.yaml_files import read_mapping

Printed = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$")]
"""A number as it is printed, quoted in YAML so that trailing zeros stay."""


class Part(BaseModel):
    """A part of the file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PublishedRow(Part):
    """One line of a published table."""

    model: str
    values: dict[str, Printed] = Field(description="metric -> number as printed")
    cited: str | None = Field(default=None, description="the paper that the document quotes")
    reference: str | None = Field(default=None, description="where that paper is found")
    ours: str | None = Field(default=None, description="the configuration that reproduces the row")
    remark: str | None = Field(default=None, description="e.g. where another number was printed")


class PublishedSection(Part):
    """Lines that share a definition of their metrics."""

    id: str
    title: str
    note: str = Field(description="whose numbers these are and how they were measured")
    rows: list[PublishedRow]


class PublishedMetric(Part):
    """A column of numbers."""

    name: str
    title: str
    better: Literal["lower", "higher"]
    ours: str = Field(description="our metric of the same definition")
    per_pixel: bool = Field(
        default=False,
        description="true: the published number is a mean over a frame's values, so ours, a sum, "
        "is divided by their number",
    )


class Source(Part):
    """Where a table is printed."""

    document: str
    table: str


class PublishedTable(Part):
    """A table of the literature, in its own order."""

    id: str
    title: str
    source: Source
    protocol: dict[str, JsonValue] = Field(
        description="data settings that a run must share for its numbers to be comparable"
    )
    data: str = Field(description="the protocol in a few words")
    note: str = Field(description="how our data relates to the published")
    metrics: list[PublishedMetric]
    sections: list[PublishedSection]

    @model_validator(mode="after")
    def _values_have_columns(self) -> "PublishedTable":
        columns = {metric.name for metric in self.metrics}
        for row in (row for section in self.sections for row in section.rows):
            if set(row.values) != columns:
                raise ValueError(
                    f"Table {self.id}, {row.model}: expected values for {sorted(columns)}, got "
                    f"{sorted(row.values)}"
                )
        if "dataset" not in self.protocol:
            raise ValueError(f"Table {self.id}: protocol must name the dataset")
        return self

    @property
    def rows(self) -> list[PublishedRow]:
        """Every line, in order."""
        return [row for section in self.sections for row in section.rows]


class Published(Part):
    """The whole file."""

    tables: list[PublishedTable]


def published_path() -> Path:
    """Where the file lies: beside the package (a checkout), or inside it (a wheel).

    Raises:
        RunError: in neither place.
    """
    package = Path(__file__).resolve().parent.parent
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
        RunError: the file is missing or says something that the schema does not know.
        ConfigError: it is not YAML.
    """
    path = path or published_path()
    try:
        return Published.model_validate(read_mapping(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise RunError(f"{path}: {where}: {first['msg']}, got {first['input']!r:.80}") from None
