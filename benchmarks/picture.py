"""Draws README's moving picture: truth beside the predictions of several trained networks.

    python benchmarks/picture.py predrnn_digits OTHER ANOTHER --out docs/predictions.gif

Each network is a preset's name (`tfvp list presets`), a preset's folder or a run's. The clips are
the examples that the first one holds; all networks must take clips of their size.
"""

import argparse
import re
from pathlib import Path

import numpy as np

import tfvp
from tfvp.drawing.clips import gif, models_movie

MOST_BYTES = 1_000_000


def main() -> None:
    """Write the picture, or say why it cannot be made."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("networks", nargs="+", help="presets or runs, the first with examples")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .gif")
    parser.add_argument("--clips", type=int, default=3, metavar="N", help="how many examples")
    arguments = parser.parse_args()
    drawn = gif(pictures(arguments.networks, arguments.clips))
    if len(drawn) > MOST_BYTES:
        parser.error(f"{len(drawn):,} bytes are more than {MOST_BYTES:,}; take fewer --clips")
    arguments.out.write_bytes(drawn)
    print(f"{arguments.out}: {len(drawn):,} bytes")


def pictures(networks: list[str], count: int) -> list:
    """The pictures of all clips, one clip after the other."""
    predictors = [tfvp.Predictor.from_preset(name) for name in networks]
    example = predictors[0].measured.example
    if example is None:
        raise SystemExit(f"{networks[0]}: holds no examples")
    steps = example.prediction.shape[1]
    found = []
    for clip in example.frames[:count].astype("float32") / 255:
        context = clip[: len(clip) - steps]
        predictions = {_title(each): each(context, steps) for each in predictors}
        found += models_movie(clip, {name: np.asarray(p) for name, p in predictions.items()})
    return found


def _title(predictor: tfvp.Predictor) -> str:
    """The title of its experiment, without what stands in brackets."""
    return re.sub(r" \(.*\)", "", predictor.experiment.title)


if __name__ == "__main__":
    main()
