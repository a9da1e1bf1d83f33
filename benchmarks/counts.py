"""Parameters of every configuration, ours beside what its header and the literature's tables say.

    python benchmarks/counts.py > counts.md
    python benchmarks/counts.py cdna dfn

Ours are counted of the built network. A header's number is that of the original program or of its
equations; a table's is printed as the document has it, often rounded or of another variant, which
its remark says.
"""

import re
import sys
from collections.abc import Iterator

from tfvp.config.extends import config_names, find_config, preset_names
from tfvp.config.loading import load_config
from tfvp.models.build import count_parameters
from tfvp.reporting.tables.published import load_published

HEAD = "| configuration | ours | header | published |\n| --- | --: | --: | --- |"
STATED = re.compile(r"([\d,]*\d) parameters")


def published() -> Iterator[tuple[str, str | None, str]]:
    """Every count in results/published.yaml: configuration, preset, the text of the number."""
    for table in load_published().tables:
        named = [metric for metric in table.metrics if metric.cost == "parameters"]
        for row in table.rows:
            printed = [(row.values[m.name], m.factor) for m in named if row.values[m.name]]
            said = [f"{float(text or 0) / factor:,.0f}" for text, factor in printed]
            said += STATED.findall(row.remark or "")
            for number in said if row.ours else ():
                yield str(row.ours), row.preset, f"{number} ({table.source.table})"


def rows(configs: list[str]) -> Iterator[str]:
    """A line for each configuration, and for those of its presets that change its count."""
    printed = list(published())
    for config in configs:
        path, counts = find_config(config), set()
        stated = [*STATED.findall(path.read_text("utf-8")), "–"][0]
        for preset in (None, *preset_names(path)):
            experiment = load_config(config, preset=preset)
            ours = count_parameters(experiment)
            if ours in counts or experiment.label:  # a quick run
                continue
            counts.add(ours)
            of_preset = [text for name, of, text in printed if (name, of) == (config, preset)]
            said = "; ".join(dict.fromkeys(of_preset)) or "–"
            name = f"{config} --preset {preset}" if preset else config
            yield f"| {name} | {ours:,} | {'–' if preset else stated} | {said} |"


if __name__ == "__main__":
    print(HEAD)
    for line in rows(sys.argv[1:] or config_names()):
        print(line, flush=True)
