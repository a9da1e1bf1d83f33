"""The numbers on a network's page: the literature's, and those of kept runs of ours."""

import re
from pathlib import Path
from typing import NamedTuple

from docstrings import escaped

from tfvp.config.loading import load_resolved
from tfvp.reporting.evaluated_run import EvaluatedRun, comparable, read_evaluated_run
from tfvp.reporting.readme import reference_table
from tfvp.reporting.reference import ANIMATION, reference_folder, reference_runs
from tfvp.reporting.render.markdown_console import markdown
from tfvp.reporting.tables.published import PublishedTable, load_published


class Kept(NamedTuple):
    """A run of a network that is kept in results/reference/."""

    name: str
    animation: Path
    evaluated: EvaluatedRun

    @property
    def markdown(self) -> str:
        """Return the picture of a test clip, with what it is."""
        metadata = self.evaluated.metrics.metadata
        alt = "truth, prediction and error of a test clip"
        return (
            f"![{alt}]({self.name}.gif)\n\n*{escaped(metadata.title)}: a test clip of the kept run "
            f"`results/reference/{self.name}`; given frames have a blue border, predicted ones an "
            f"orange border; {escaped(metadata.label)}.*\n"
        )


def kept_runs(network: str = "") -> list[Kept]:
    """Return the kept runs of a network, or of all."""
    runs = reference_runs(reference_folder())
    return [
        Kept(run.name, run.root / ANIMATION, read_evaluated_run(run))
        for run in runs
        if network in ("", load_resolved(run.config_path).model.network)
    ]


def published(configs: set[str]) -> str:
    """Write the rows of the literature's tables that one of the configurations is for."""
    tables = [_published(table, configs) for table in load_published().tables]
    tables = [table for table in tables if table]
    return "\n".join(["## Published\n", *tables]) if tables else ""


def _published(table: PublishedTable, configs: set[str]) -> str:
    metrics = [metric for metric in table.metrics if metric.converts is None]
    lines = []
    for row in table.rows:
        named = {row.ours} if row.ours else set(row.pair or ())
        if named & configs:
            values = [row.values[metric.name] or "–" for metric in metrics]
            ours = " and ".join(f"`{name}`" for name in sorted(named))
            preset = f" `--preset {row.preset}`" if row.preset else ""
            lines.append(f"| {escaped(row.model)} | {' | '.join(values)} | {ours}{preset} |")
    if not lines:
        return ""
    titles = " | ".join(escaped(metric.title) for metric in metrics)
    head = f"| as printed | {titles} | configuration |\n| --- |{' --- |' * (len(metrics) + 1)}"
    source = f"{table.source.document}, {table.source.table}"
    return "\n".join([f"**{escaped(table.title)}** ({escaped(source)})\n", head, *lines, ""])


def measured(kept: list[Kept]) -> str:
    """Write the tables of kept runs, each with the baselines on the same sequences."""
    tables = []
    for group in comparable([run.evaluated for run in kept]):
        table = reference_table(group, "LINK")
        text = re.sub(r"\*\*\[(.*)\]\(LINK/.*\)\*\*", r"**\1**", markdown(table))
        tables.append(f"**{escaped(table.title)}**\n\n{text}")  # a run's folder is no page
    return "\n".join(tables) or "No run of this network is kept yet.\n"
