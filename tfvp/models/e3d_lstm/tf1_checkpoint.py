"""Checkpoints of the TF1 E3D-LSTM program: its names, its averages, its unnamed Adam slots.

The program (github google/e3d_lstm and its fork kevinstan/video_prediction) saves every global
variable of its graph: the weights, `<weight>/ExponentialMovingAverage`, and Adam's state under the
names that TensorFlow gives to variables without one. `Variable` is the number of the next update (1
before the first). Weight k, counted from 0 in the order in which the graph creates the trained
weights, has its second moment in `Variable_{2k+1}` and its first in `Variable_{2k+2}`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfvp.errors import WeightsError
from tfvp.porting.program import OptimizerState
from tfvp.porting.tf1_variables import TF1Variables
from tfvp.shapes import describe

SCOPE = "generator/e3d-lstm/"
DECODER = (f"{SCOPE}conv3d/kernel", f"{SCOPE}conv3d/bias")
_FIRST = f"{SCOPE}e3d0/conv3d/bias"  # every network of the program has it
_AVERAGE = "/ExponentialMovingAverage"
# One cell's variables in the order in which the program's graph creates them: gates of the hidden
# state, of the input, of the global memory; cell and memory to the output gate; the 1x1x1 mix.
_CELL = [
    f"{layer}/{weight}"
    for layer in (
        *("conv3d", "hidden", "conv3d_1", "inputs", "self_attn"),
        *("conv3d_2", "global_memory", "conv3d_3", "conv3d_4", "conv3d_5"),
    )
    for weight in (("kernel", "bias") if layer.startswith("conv3d") else ("gamma", "beta"))
]


def released_names(layers: int) -> list[str]:
    """Return the program's names of all weights in the order of creation, 82 for four layers."""
    cells = [f"{SCOPE}e3d{layer}/{name}" for layer in range(layers) for name in _CELL]
    return [*cells, *DECODER]


class TF1Checkpoint:
    """An open checkpoint, which gives float32 arrays for the weights that a network expects.

    `expected` always maps a released name to the shape of the network's variable. Kernels are
    (time, rows, columns, in, out) in the program as in Keras and are not transposed.
    """

    def __init__(self, prefix: str | Path):
        """Open a checkpoint.

        Args:
            prefix: `model.ckpt-80000`, for the files `model.ckpt-80000.index` and `.data-…`; the
                name of one of these files is understood too.

        Raises:
            WeightsError: a file is missing, or it is not a TF1 checkpoint of this program.
        """
        variables = TF1Variables(prefix)
        self.name, self._shapes, self._read = variables.name, variables.shapes, variables.read
        self.layers = len(
            {n for n in self._shapes if re.fullmatch(rf"{SCOPE}e3d\d+/conv3d/bias", n)}
        )
        if not self.layers:
            raise WeightsError(
                f"{variables.prefix} is a TF1 checkpoint, but not of the E3D-LSTM program: it has "
                f"no variable {_FIRST}"
            )

    def weights(self, expected: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        """Read the weights as they were after the last update; raises as `averaged_weights`."""
        self._check_layers(expected)
        self._check_fit({name: (name, shape) for name, shape in expected.items()})
        return {name: self._read(name) for name in expected}

    def every_weight(self) -> dict[str, np.ndarray]:
        """Read all variables but averages and the optimizer's."""
        other = re.compile(rf"Variable(_\d+)?|.*{_AVERAGE}")
        return {n: self._read(n) for n in sorted(self._shapes) if not other.fullmatch(n)}

    def averaged_weights(self, expected: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        """Read the exponential averages of the weights; a frozen decoder is its own average.

        Raises:
            WeightsError: a variable is missing, has another shape, or cannot be read.
        """
        self._check_layers(expected)
        sources = {
            name: name if name in DECODER and self.decoder_was_frozen else name + _AVERAGE
            for name in expected
        }
        self._check_fit({name: (sources[name], shape) for name, shape in expected.items()})
        return {name: self._read(source) for name, source in sources.items()}

    def optimizer_state(self, expected: Mapping[str, tuple[int, ...]]) -> OptimizerState:
        """Read Adam's step and moments for the weights that will be trained.

        Args:
            expected: name -> shape, without the decoder if it is to stay frozen.

        Raises:
            WeightsError: the checkpoint has no such state, or it does not fit.
        """
        self._check_layers(expected)
        trained = released_names(self.layers)
        if self.decoder_was_frozen:
            trained = trained[: -len(DECODER)]
            if any(name in expected for name in DECODER):
                raise WeightsError(
                    f"{self.name} was trained with a frozen decoder and has no optimizer state for "
                    "it; set training.freeze_decoder: true, or training.init.optimizer: false to "
                    "take the weights alone"
                )
        number = {name: k for k, name in enumerate(trained)}
        second = {name: f"Variable_{2 * number[name] + 1}" for name in expected}
        first = {name: f"Variable_{2 * number[name] + 2}" for name in expected}
        for slots in (second, first):
            self._check_fit({name: (slots[name], shape) for name, shape in expected.items()})
        return OptimizerState(
            steps_done=self._steps_done(),
            first_moments={name: self._read(slot) for name, slot in first.items()},
            second_moments={name: self._read(slot) for name, slot in second.items()},
        )

    @property
    def decoder_was_frozen(self) -> bool:
        """Return whether the decoder was left out of training, and so of averages and slots."""
        averaged = {name for name in (_FIRST, *DECODER) if name + _AVERAGE in self._shapes}
        return averaged == {_FIRST}

    def _steps_done(self) -> int:
        if self._shapes.get("Variable") != []:
            raise WeightsError(f"{self.name} has no optimizer step (a number named Variable)")
        following = float(self._read("Variable"))
        if following < 1 or not following.is_integer():
            raise WeightsError(
                f"{self.name}: Variable should be the number of the next update, 1 or more, got "
                f"{following:g}"
            )
        return int(following) - 1

    def _check_layers(self, expected: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse a network with fewer or more layers, whose variables may all fit regardless."""
        found = (re.match(rf"{SCOPE}e3d(\d+)/", name) for name in expected)
        layers = len({match[1] for match in found if match})
        if layers != self.layers:
            raise WeightsError(
                f"{self.name} has {self.layers} layers, the configuration {layers}; decided by "
                f"model.hidden; the checkpoint was made with {self._settings()}"
            )

    def _check_fit(self, wanted: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
        """Compare every shape before anything is read; weight -> (variable in the file, shape)."""
        for name, (source, _) in wanted.items():
            if source not in self._shapes:
                what = "" if source == name else f", for {name}"
                raise WeightsError(f"{self.name} has no variable {source}{what}")
        wrong = [n for n, (source, shape) in wanted.items() if self._shapes[source] != list(shape)]
        if wrong:
            source, shape = wanted[wrong[0]]
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            what = source if source == wrong[0] else f"{source}, for {wrong[0]},"
            raise WeightsError(
                f"{self.name}: {what} has the shape {describe(self._shapes[source])}, the "
                f"configuration makes {describe(shape)}{more}; decided by {_keys(wrong[0])}; the "
                f"checkpoint was made with {self._settings()}"
            )

    def _settings(self) -> str:
        """Describe the configuration as far as the checkpoint's shapes show it."""
        shapes = self._shapes
        hidden = [shapes.get(f"{SCOPE}e3d{i}/self_attn/beta", [0])[0] for i in range(self.layers)]
        kernel = shapes.get(f"{SCOPE}e3d0/conv3d/kernel", [])[:3]
        patch = shapes.get(DECODER[1], [0])[0]
        return (
            f"model.hidden {hidden}, model.cell.kernel {kernel} and patches of {patch} values "
            "(model.patch_px squared times the frame's channels)"
        )


def _keys(name: str) -> str:
    """Name the configuration keys that decide a variable's shape."""
    keys = ["model.hidden"]
    if name in DECODER:
        return ", ".join([*keys, "model.wiring", "model.patch_px", "the frame's channels"])
    layer, rest = name.removeprefix(f"{SCOPE}e3d").split("/", 1)
    if rest.endswith("/kernel") and rest != "conv3d_5/kernel":
        keys.append("model.cell.kernel")
    if rest == "conv3d_1/kernel":
        keys += ["model.patch_px", "the frame's channels"] if layer == "0" else ["model.wiring"]
    return ", ".join(keys)
