"""One golden of every network, forward, on JAX: a program of its own that must not load TensorFlow.

Prints a line a network: its name and the relative error of its predictions.
"""

import json
import sys
from pathlib import Path

import numpy as np

from tfvp.networks.eidetic_stack import EideticStack
from tfvp.networks.frame_predictor import FramePredictor
from tfvp.networks.prednet import PredNet
from tfvp.networks.predrnn import PredRNN
from tfvp.networks.predrnn_pp import PredRNNPP

GOLDENS = Path(__file__).parent / "goldens"

NETWORKS = {
    "e3d_lstm": lambda: EideticStack((3, 3, 3, 3)),
    "predrnn": lambda: PredRNN((6, 6, 6)),
    "predrnn_pp_no_norm": lambda: PredRNNPP((4, 4), 3, layer_norm=False),
    "prednet": lambda: PredNet((4, 6)),
}


def relative_error(name: str) -> float:
    """Of all predictions that the golden and we have, with the golden's own mask."""
    numbers = np.load(GOLDENS / f"{name}.npz", allow_pickle=False)
    frames, core = numbers["in/frames"], NETWORKS[name]()
    predictor = FramePredictor(core, frames.shape[2:])
    names = core.released_names()
    keys = [key for key in numbers.files if key.startswith("var/")]
    if name == "prednet":  # in order, with a number before the name
        keys = dict(zip(names, keys, strict=True))
    else:
        keys = {key.removeprefix("var/"): key for key in keys}
    torch = "torch" in json.loads(str(numbers["meta"])).get("layout", "")
    for released, weight in names.items():
        value = numbers[keys[released]]
        weight.assign(np.transpose(value, (2, 3, 1, 0)) if torch else value)
    if name == "prednet":
        mask, wanted = np.ones((len(frames), 1), "float32"), numbers["out/prediction"][:, 1:]
    else:
        mask, wanted = numbers["in/real_input_flag"][..., 0, 0, 0], numbers["out/predictions"]
    ours = np.asarray(predictor({"frames": frames, "use_truth": mask}))[:, -wanted.shape[1] :]
    return float(np.linalg.norm(ours - wanted) / np.linalg.norm(wanted))


if __name__ == "__main__":
    for network in NETWORKS:
        print(network, relative_error(network), flush=True)
    assert "tensorflow" not in sys.modules, "TensorFlow was loaded"
