"""What an evaluation costs apart from the network: every metric, for it and all baselines.

    python benchmarks/metrics.py
    python benchmarks/metrics.py --sequences 100 --frame 128 --metrics literature

Clips are noise, the "network" hands its context back. CPU seconds are of all cores together: on a
machine that does other work they are what to compare, and over the number of cores the least that
the evaluation can take.
"""

import argparse
import time

import numpy as np

from tfvp.config.evaluation import METRIC_PRESETS
from tfvp.evaluation.evaluate import evaluate
from tfvp.system.threads import usable_cores

CONTEXT, BATCH = 10, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--frame", type=int, default=64, help="side of a frame, pixels")
    parser.add_argument("--metrics", choices=METRIC_PRESETS, default="all")
    options = parser.parse_args()
    clips = np.random.default_rng(0).random(
        (BATCH, 2 * CONTEXT, options.frame, options.frame, 1), np.float32
    )
    whole, rest = divmod(options.sequences, BATCH)
    batches = [clips] * whole + ([clips[:rest]] if rest else [])
    wall, cpu = time.perf_counter(), time.process_time()
    found = evaluate(
        lambda context: context,
        batches,
        context_frames=CONTEXT,
        predict_frames=CONTEXT,
        metrics=METRIC_PRESETS[options.metrics],
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{found.sequences} sequences, {options.frame}x{options.frame}, {CONTEXT} predicted, "
        f"{len(found.values)} methods, {len(METRIC_PRESETS[options.metrics])} metrics: "
        f"{wall:.1f} s, {cpu:.1f} CPU s on {usable_cores()} cores"
    )


if __name__ == "__main__":
    main()
