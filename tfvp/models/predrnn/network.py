"""PredRNN's stack for one step of time: spatiotemporal LSTMs, one memory through all of them."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.cells.st_lstm import TORCH_UNIFORM, STLSTMCell, STLSTMState
from tfvp.models.predrnn.config import PredRNNConfig
from tfvp.models.predrnn.weights import released_names
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.rollout import rollout_measured
from tfvp.models.wiring import run_stack_with_memory
from tfvp.porting.program import Program
from tfvp.porting.torch_program import TorchProgram
from tfvp.sections import DataSection
from tfvp.shapes import Tensor


class PredRNNState(NamedTuple):
    """The state that the stack carries from one step to the next."""

    layers: tuple[STLSTMState, ...]
    memory: Tensor  # (B, H, W, hidden), from layer to layer, then to t + 1


@keras.saving.register_keras_serializable(package="tfvp")
class PredRNN(RecurrentCore):
    """One step of PredRNN (Wang et al. 2017), as released.

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. The memory leaves layer k and
    enters layer k + 1 of the same step, the last layer's enters the first of the next step. The
    next frame is a 1x1 convolution of the last layer's output, linear, and in release 2021 without
    bias.

    >>> network = RecurrentPredictor(PredRNN(hidden=(4, 4), kernel=3), frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # without biases black stays black
    ((2, 2, 8, 8, 1), 0.0)

    Args:
        hidden: channels of each layer, all equal since one memory goes through them.
        kernel: side of the cells' convolutions.
        release: "2021" or "2017", see `STLSTMCell`.
        layer_norm: see `STLSTMCell`.
        decouple: PredRNN-V2 (Wang et al. 2021, arXiv:2103.09504): with the 1x1 convolution that
            the decoupling loss needs, without bias, the same for all layers and both states.

    Raises:
        ValueError: the widths differ.
    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        kernel: int = 5,
        *,
        release: str = "2021",
        layer_norm: bool = False,
        decouple: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(set(hidden)) > 1:
            raise ValueError(f"hidden: every layer must have the same width, got {hidden}")
        self.hidden = tuple(hidden)
        self.kernel = kernel
        self.release = release
        self.layer_norm = layer_norm
        self.decouple = decouple
        self.cells = [
            STLSTMCell(
                width,
                kernel,
                release=release,
                layer_norm=layer_norm,
                dtype=self.dtype_policy,
                name=f"cell_{i}",
            )
            for i, width in enumerate(self.hidden)
        ]

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        *places, channels = frame_shape
        for i, cell in enumerate(self.cells):
            cell.build((*places, channels if i == 0 else self.hidden[i - 1]))
        first = self.release == "2017"
        self.decoder = self._pointwise(channels, "decoder", first)
        self.decoder.build((*places, self.hidden[-1]))
        if self.decouple:
            self.adapter = self._pointwise(self.hidden[0], "adapter", False)
            self.adapter.build((*places, self.hidden[0]))
        self.built = True

    def _pointwise(self, filters: int, name: str, first: bool) -> keras.layers.Conv2D:
        """Make a 1x1 convolution as in the first release, or as in the later one."""
        return keras.layers.Conv2D(
            filters,
            1,
            use_bias=first,
            kernel_initializer="glorot_uniform" if first else TORCH_UNIFORM,
            dtype=self.dtype_policy,
            name=name,
        )

    def initial_state(self, batch_size, frame_shape) -> PredRNNState:
        """Return the all-zero state for frames of (H, W, C)."""
        states = [cell.get_initial_state(batch_size, frame_shape[:2]) for cell in self.cells]
        return PredRNNState(
            layers=tuple(state._replace(memory=None) for state in states),
            memory=states[0].memory,
        )

    def call(self, frame, state: PredRNNState):
        """Predict the frame after `frame` (B, H, W, C); returns it and the new state."""
        outputs, layers, memory = run_stack_with_memory(
            self.cells, frame, state.layers, state.memory
        )
        return self.decoder(outputs[-1]), PredRNNState(layers=layers, memory=memory)

    def rollout_with_auxiliary(self, state: PredRNNState, frames, mask, feedback):
        """See `RecurrentCore`; "decoupling": how alike the updates of a cell's two states are.

        The decoupling loss of PredRNN-V2: |cosine| over space between what is added to the cell and
        to the memory, both through the adapter; the mean over channels, layers and steps.
        """

        def step(frame, state):
            added = []

            def keep_added(cell):
                def call(x, before):
                    h, after, both = cell.advance(x, before)
                    added.append(both)
                    return h, after

                return call

            cells = [keep_added(cell) for cell in self.cells]
            outputs, layers, memory = run_stack_with_memory(
                cells, frame, state.layers, state.memory
            )
            likeness = [
                absolute_cosine(self.adapter(c), self.adapter(m))  # (B, channels)
                for c, m in added
            ]
            overlap = ops.mean(ops.stack(likeness), axis=(0, 2))
            after = PredRNNState(layers=layers, memory=memory)
            return (self.decoder(outputs[-1]), overlap), after

        predictions, overlaps = rollout_measured(step, state, frames, mask, feedback)
        return predictions, {"decoupling": ops.mean(overlaps, axis=1)}

    def programs(self) -> dict[str, Program]:
        """Return the authors' PyTorch program of 2021; of that of 2017 no file was published."""
        if self.release != "2021":
            return {}
        return {"torch": TorchProgram(released_names(self))}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "kernel": self.kernel,
            "release": self.release,
            "layer_norm": self.layer_norm,
            "decouple": self.decouple,
        }


def absolute_cosine(a, b):
    """Return |cosine| over space of two maps (B, H, W, C), per channel: (B, C) in [0, 1], float32.

    >>> a = ops.reshape(ops.array([3.0, 4.0]), (1, 2, 1, 1))  # of length 5, over places
    >>> round(float(absolute_cosine(a, ops.reshape(ops.array([1.0, 0.0]), (1, 2, 1, 1)))[0, 0]), 3)
    0.6
    """
    a, b = ops.cast(a, "float32"), ops.cast(b, "float32")
    product = ops.sum(a * b, axis=(1, 2))
    squares = [ops.sum(ops.square(x), axis=(1, 2)) for x in (a, b)]
    # the program's normalisation divides by at least 1e-12; a root of 0 has no gradient
    lengths = [ops.sqrt(ops.maximum(square, 1e-24)) for square in squares]
    return ops.abs(product) / (lengths[0] * lengths[1])


def build(model: PredRNNConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    core = PredRNN(
        model.hidden,
        model.cell.kernel,
        release=model.cell.release,
        layer_norm=model.cell.layer_norm,
        decouple=model.decouple,
        name="core",
    )
    return RecurrentPredictor(core, data.frame_shape, model.patch_px, name="predictor")
