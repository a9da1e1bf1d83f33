"""How near we are to the numbers of the original programs, forward and in gradients, by backend.

    python -m tests.helpers.goldens_table              on Keras' present backend
    python -m tests.helpers.goldens_table --both       on TensorFlow and JAX, a process each
    python -m tests.helpers.goldens_table --forward    without gradients, which take longest

Errors are relative, |ours - golden| / |golden|: of all predictions, and of the worst gradient. On
JAX nothing of TensorFlow is loaded.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from tests import GOLDENS
from tests.helpers.program_names import frnn_names_of, lasagne_names_of
from tfvp.models.base import VideoPredictor
from tfvp.models.cdna.network import CDNA
from tfvp.models.clip import ClipCore, ClipPredictor
from tfvp.models.conv_lstm_skip.network import ConvLSTMSkip
from tfvp.models.dfn.network import DFN
from tfvp.models.e3d_lstm.network import EideticStack
from tfvp.models.encoder_decoder import EncoderDecoderCore, EncoderDecoderPredictor
from tfvp.models.frnn.network import FRNN
from tfvp.models.prednet.network import PredNet
from tfvp.models.predrnn.network import PredRNN
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.recurrent import RecurrentPredictor
from tfvp.models.scanned import scanned
from tfvp.models.simvp.network import SimVP
from tfvp.models.tau.network import TAU, differential_divergence
from tfvp.models.tau_flow.network import TAUFlow
from tfvp.porting.program import WeightNames
from tfvp.training.losses import cross_entropy

FORWARD, GRADIENT = 1e-5, 1e-4
# Every step of PredRNN++ with norms enlarges a rounding error by about a half. Its tolerances are
# what one rounding of frames and weights may move it: tests/models/test_goldens_predrnn_pp.py
# measures that and shows that in float64 we are its equations, free-running too. With the norm's
# operations in any order, TF1's among them, with oneDNN or without, on one thread, ours on
# TensorFlow are 7e-5 and 8e-4 to 2e-3 from the golden, on JAX 8e-5 and 2.3e-3. Its first three
# predictions are held to the tolerance of all in tests/models/test_goldens_recurrent.py.
ENLARGED = {"predrnn_pp": (1.0e-4, 2.95e-3)}
# A bias before a normalisation has no effect: its gradients are rounding, there and here.
NO_EFFECT = {"conv_lstm_skip": {"conv1.0.bias", "conv2.0.bias", "deconv1.0.bias"}}
# OpenSTL's two were made with the identity in place of a block's MLP, which has no weights in them.
WITHOUT_MLP = ("tau", "simvp_gsta")
CHANNELS_SECOND = ("in/frames", "in/target", "out/predictions")

LEARNED_FLOW = {"kernels": (3, 5), "drop_path": None, "reduction": "learned"}
FINN_HIDDEN = (4, 4, 8, 8, 16, 8, 4)

CORES: dict[str, Callable[[], Any]] = {
    "e3d_lstm": lambda: EideticStack((3, 3, 3, 3)),
    "e3d_lstm_memory_carried": lambda: EideticStack((3, 3, 3, 3), carry_memory=True),
    "e3d_residual": lambda: EideticStack((3, 3, 3, 3), wiring="residual"),
    "e2d_lstm": lambda: EideticStack((3, 3, 3, 3), kernel=(1, 5, 5)),
    "predrnn": lambda: PredRNN((6, 6, 6)),
    "predrnn_layer_norm": lambda: PredRNN((4, 4), 3, layer_norm=True),
    "predrnn_pp": lambda: PredRNNPP((4, 3, 3, 3)),
    "predrnn_pp_no_norm": lambda: PredRNNPP((4, 4), 3, layer_norm=False),
    "prednet": lambda: PredNet((4, 6)),
    "conv_lstm_skip": lambda: ConvLSTMSkip(4, 3, {"kernel": (3, 3), "state_kernel": (3, 3)}),
    "tau": lambda: TAU(4, 8, 2, 32, 2),
    "tau_flow": lambda: TAUFlow(
        *(4, 4, 2, 16, 3), mlp_ratio=1, attention={"activation": "relu", "far": 1}, **LEARNED_FLOW
    ),
    "tau_flow_described": lambda: TAUFlow(
        *(3, 4, 2, 16, 3), mlp_ratio=8, attention={"activation": "relu"}, **LEARNED_FLOW
    ),
    "simvp_gsta": lambda: SimVP(4, 8, 2, 32, 2, unit="gsta"),
    "dfn": lambda: DFN(4),
    "dfn_bias_refinement": lambda: DFN(2, 5, dynamic_bias=True, refinement=True),
    "frnn": lambda: FRNN((3, 4, 5, 6, 7, 6, 8, 7, 6, 5), (5, 5, 5, 5, 5, 5, 3, 3, 3, 3)),
    "cdna": lambda: CDNA(FINN_HIDDEN),
    "dna": lambda: CDNA(FINN_HIDDEN, "dna", masks=1),
    "stp": lambda: CDNA(FINN_HIDDEN, "stp"),
}
# Names of weights where the network knows no program: nothing of tfvp reads such files.
NAMES: dict[str, Callable[[Any], WeightNames]] = {
    "dfn": lasagne_names_of,
    "dfn_bias_refinement": lasagne_names_of,
    "frnn": frnn_names_of,
}


@dataclass(frozen=True)
class Golden:
    """One golden and our network with its weights.

    Args:
        numbers: the file's arrays.
        predictor: ours.
        takers: golden's name of a weight -> pairs of our variable and what turns an array of the
            golden's into ours.
    """

    numbers: Any
    predictor: keras.Model
    takers: dict[str, Any]

    def gradients(self) -> Any:
        """The golden's gradient of every trained variable: (name, variable, array)."""
        for name, pairs in self.takers.items():
            for variable, take in pairs:
                if f"grad/{name}" in self.numbers:
                    gradient = self.numbers[f"grad/{name}"].astype("float64")
                    yield name, variable, take(gradient) - take(0 * gradient)  # its linear part


def load(name: str) -> Golden:
    """A golden, and ours with its weights."""
    numbers, core = dict(np.load(GOLDENS / f"{name}.npz", allow_pickle=False)), CORES[name]()
    if isinstance(core, TAUFlow):
        with_given_flow(core, numbers)
    elif isinstance(core, ClipCore):
        numbers |= {key: np.moveaxis(numbers[key], 2, -1) for key in CHANNELS_SECOND}
    if name == "frnn":  # time is first, and values are in [-1, 1]
        for key in ("in/frames", "out/predictions"):
            numbers[key] = ((numbers[key] + 1) / 2).swapaxes(0, 1)
    predictor = predictor_of(name, core, numbers["in/frames"].shape[2:])
    keys = [key.removeprefix("var/") for key in numbers if key.startswith("var/")]
    takers = takers_of(name, core)
    if name == "prednet":  # a number stands before each name
        takers = dict(zip(keys, takers.values(), strict=True))
    unused = ("num_batches_tracked", "state_pred/weights", "state_pred/biases")
    assert {key for key in keys if not key.endswith(unused)} == set(takers), name
    for key, pairs in takers.items():
        for variable, take in pairs:
            variable.assign(take(numbers[f"var/{key}"]))
    return Golden(numbers, predictor, takers)


def predictor_of(name: str, core: Any, shape: tuple[int, ...]) -> VideoPredictor:
    """The core in the predictor of its family."""
    shape = shape if len(shape) == 3 else (*shape, 1)
    if isinstance(core, EncoderDecoderCore):
        return EncoderDecoderPredictor(core, shape)
    if not isinstance(core, ClipCore):
        return RecurrentPredictor(core, shape, late_feedback=name == "prednet")
    predictor = ClipPredictor(core, shape)
    for block in core.translator.blocks:
        if name in WITHOUT_MLP:
            block.mlp.call = lambda x: x
    return predictor


def with_given_flow(core: TAUFlow, numbers: dict[str, Any]) -> None:
    """Frames with their one channel, channels last, and the golden's flow in place of RAFT's."""
    flow = ops.convert_to_tensor(np.moveaxis(numbers["in/flow"], 2, -1))
    core.estimate = lambda context: flow
    frames, length = numbers["in/frames"][..., None], core.context_frames
    numbers |= {"in/frames": frames[:, :length], "in/target": frames[:, length:]}
    for key in ("out/predictions", "train/predictions"):
        numbers[key] = np.moveaxis(numbers[key], 2, -1)


def takers_of(name: str, core: Any) -> WeightNames:
    """What the golden calls each weight, and what takes from it."""
    if name in NAMES:
        return NAMES[name](core)
    (program,) = core.programs().values()
    if name in WITHOUT_MLP:
        return {key: pairs for key, pairs in program.names.items() if ".mlp." not in key}
    return program.names


def case(name: str, golden: Golden) -> tuple[dict[str, Any], Any, Callable[[Any], Any]]:
    """What is fed, the predictions that are wanted, and the program's loss of our predictions."""
    numbers = golden.numbers
    frames = numbers["in/frames"]
    if name == "conv_lstm_skip":
        frames = (frames[..., None] / 255).astype("float32")
        wanted = numbers["train/predictions"][..., None] / 255
        batch = {"frames": frames, "teacher_forcing_mask": np.zeros((2, 2), "float32")}
        return batch, wanted, lambda p: ops.mean(ops.square(255 * (p - frames[:, 4:])))
    if isinstance(golden.predictor, ClipPredictor):
        return clip_case(numbers, 0.5 if "in/flow" in numbers else 0.1)
    if name in NAMES:
        return future_case(name, golden)
    if name == "prednet":
        batch = {"frames": frames, "teacher_forcing_mask": np.zeros((2, 1), "float32")}
        return batch, numbers["out/prediction_extrapolated"][:, 1:], lambda p: ops.sum(p)
    if isinstance(golden.predictor.core, CDNA):  # two frames of context, three of the future
        batch = {"frames": frames, "teacher_forcing_mask": np.zeros((2, 2), "float32")}
        return batch, numbers["out/gen_images"], lambda p: mean_square(p[:, 1:], frames[:, 2:])
    return teacher_forced_case(name, golden)


def teacher_forced_case(
    name: str, golden: Golden
) -> tuple[dict[str, Any], Any, Callable[[Any], Any]]:
    """`case` of a program that is given which future frames are true."""
    numbers, frames = golden.numbers, golden.numbers["in/frames"]
    batch = {"frames": frames, "teacher_forcing_mask": numbers["in/real_input_flag"][..., 0, 0, 0]}
    truth, torch = frames[:, 1:], "torch" in golden.predictor.programs()
    absolute = 1.0 if name.startswith("e") else 0.0

    def loss(p):
        if torch:
            return mean_square(p, truth)
        squares = 0.5 * ops.sum(ops.square(p - truth))
        return squares + absolute * ops.sum(ops.absolute(p - truth))

    return batch, numbers["out/predictions"], loss


def clip_case(
    numbers: dict[str, Any], weight: float
) -> tuple[dict[str, Any], Any, Callable[[Any], Any]]:
    """`case` of programs that map clips to clips, by the weight of their divergence."""
    frames, truth = numbers["in/frames"], numbers["in/target"]
    clips = np.concatenate([frames, truth], axis=1)
    mask = np.zeros((2, truth.shape[1] - 1), "float32")
    batch = {"frames": clips, "teacher_forcing_mask": mask}

    def loss(p):
        return mean_square(p, truth) + weight * ops.mean(differential_divergence(p, truth))

    return batch, numbers["out/predictions"], loss


def future_case(name: str, golden: Golden) -> tuple[dict[str, Any], Any, Callable[[Any], Any]]:
    """`case` of a program that is trained on its future frames, where it reads its own."""
    frames, wanted = golden.numbers["in/frames"], golden.numbers["out/predictions"]
    if frames.ndim == 4:
        frames, wanted = frames[..., None], wanted[..., None]
    horizon = wanted.shape[1]
    batch = {"frames": frames, "teacher_forcing_mask": np.zeros((2, horizon - 1), "float32")}
    truth = frames[:, -horizon:]
    if name == "dfn":
        return (
            batch,
            wanted,
            lambda p: cross_entropy(truth, p[:, -horizon:], 0.0, 2.0**-23) / truth.size,
        )
    if name == "frnn":  # twice, since its range is twice as large
        return batch, wanted, lambda p: 2 * ops.mean(ops.abs(p - truth))
    return batch, wanted, lambda p: ops.mean(ops.square(p[:, -horizon:] - truth))


def mean_square(ours: Any, wanted: Any) -> Any:
    """Of all values together."""
    return ops.mean(ops.square(ours - wanted))


def relative_error(ours: Any, wanted: np.ndarray) -> float:
    """Of all values together."""
    difference = np.linalg.norm(np.asarray(ours, "float64") - np.asarray(wanted, "float64"))
    return float(difference / max(np.linalg.norm(wanted), 1e-12))


def predictions_and_gradients(
    predictor, batch, loss, *, training: bool, gradients: bool
) -> tuple[Any, Any]:
    """Predictions, and the gradient of every trainable variable if wanted, on either backend."""
    if not gradients:
        return predictor(batch, training=training), None
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            predictions = predictor(batch, training=training)
            value = loss(predictions)
        variables = [variable.value for variable in predictor.trainable_variables]
        return predictions, tape.gradient(value, variables, unconnected_gradients="zero")
    import jax

    variables = predictor.trainable_variables
    others = [(v, v.value) for v in predictor.non_trainable_variables]

    def measured(trainable):
        # Not `stateless_call`: it goes past `__call__`, which tells inner layers of `training`.
        pairs = [*zip(variables, trainable, strict=True), *others]
        with keras.StatelessScope(state_mapping=pairs):
            predictions = predictor(batch, training=training)
            return loss(predictions), predictions

    trainable = [variable.value for variable in variables]
    (_, predictions), found = jax.jit(jax.value_and_grad(measured, has_aux=True))(trainable)
    return predictions, found


def errors(name: str, *, gradients: bool = True) -> tuple[float, float | None]:
    """The relative errors of one golden: of the predictions, and of the worst gradient."""
    golden = load(name)
    batch, wanted, loss = case(name, golden)
    without = NO_EFFECT.get(name, set())
    every: list[Any] = [g for g in golden.gradients() if g[0] not in without] if gradients else []
    predictions, found = predictions_and_gradients(
        golden.predictor,
        batch,
        loss,
        training=name == "conv_lstm_skip",
        gradients=bool(every),
    )
    ours = np.asarray(predictions)[:, -wanted.shape[1] :]
    forward = relative_error(ours, wanted)
    if not every:
        return forward, None
    by_variable = {
        id(v): g for v, g in zip(golden.predictor.trainable_variables, found, strict=True)
    }
    worst = max(relative_error(by_variable[id(ours)], wanted) for _, ours, wanted in every)
    return forward, worst


def tolerance(name: str) -> tuple[float, float]:
    """Of the predictions and of the gradients."""
    return ENLARGED.get(name, (FORWARD, GRADIENT))


def main() -> None:
    """Print a line a golden: its name, the two errors, and the tolerances."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--both", action="store_true", help="on TensorFlow and on JAX")
    parser.add_argument("--forward", action="store_true", help="leave out the gradients")
    parser.add_argument("names", nargs="*", choices=[[], *CORES], help="default: all")
    arguments = parser.parse_args()
    if arguments.both:
        for backend in ("tensorflow", "jax"):
            rest = ["--forward"] if arguments.forward else []
            command = [sys.executable, "-m", "tests.helpers.goldens_table", *rest, *arguments.names]
            environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
            subprocess.run(command, env=environment, check=True)
        return
    backend = keras.backend.backend()
    print(f"{backend:24}  predictions  gradients  tolerances", flush=True)
    for name in arguments.names or CORES:
        with scanned(True):  # under JAX as on a GPU
            forward, worst = errors(name, gradients=not arguments.forward)
        shown = "" if worst is None else f"{worst:.1e}"
        limits = " ".join(f"{limit:.0e}" for limit in tolerance(name))
        print(f"{name:24}  {forward:11.1e}  {shown:>9}  {limits}", flush=True)
    assert backend == "tensorflow" or "tensorflow" not in sys.modules, "TensorFlow was loaded"


if __name__ == "__main__":
    main()
