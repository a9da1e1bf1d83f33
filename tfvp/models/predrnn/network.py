"""PredRNN's stack for one step of time: spatiotemporal LSTMs, one memory through all of them."""

from typing import Any, NamedTuple

import keras
from keras import ops

from tfvp.cells.st_lstm import TORCH_UNIFORM, STLSTMCell, STLSTMState
from tfvp.models.own_loss import rollout_with_own_loss
from tfvp.models.wiring import zigzag
from tfvp.porting import torch_layout


class PredRNNState(NamedTuple):
    """What the stack carries from one step to the next."""

    layers: tuple[STLSTMState, ...]
    memory: Any  # (B, H, W, hidden) climbs the layers, then on to t + 1


@keras.saving.register_keras_serializable(package="tfvp")
class PredRNN(keras.layers.Layer):
    """One step of PredRNN (Wang et al. 2017), as released.

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. The memory leaves layer k and
    enters layer k + 1 of the same step, the last layer's enters the first of the next step. The
    next frame is a 1x1 convolution of the last layer's output, linear, and in release 2021 without
    bias.

    Args:
        hidden: channels of each layer, all equal since one memory goes through them.
        kernel: side of the cells' convolutions.
        release: "2021" or "2017", see `STLSTMCell`.
        layer_norm: see `STLSTMCell`.
        decouple: PredRNN-V2 (Wang et al. 2021, arXiv:2103.09504): with the 1x1 convolution that
            `with_own_loss` needs, without bias and one for all layers and both states.

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
        """A 1x1 convolution as the first release made it, or the later one."""
        return keras.layers.Conv2D(
            filters,
            1,
            use_bias=first,
            kernel_initializer="glorot_uniform" if first else TORCH_UNIFORM,
            dtype=self.dtype_policy,
            name=name,
        )

    def initial_state(self, batch_size, frame_shape) -> PredRNNState:
        """All-zero state for frames of (H, W, C)."""
        states = [cell.get_initial_state(batch_size, frame_shape[:2]) for cell in self.cells]
        return PredRNNState(
            layers=tuple(state._replace(memory=None) for state in states),
            memory=states[0].memory,
        )

    def call(self, frame, state: PredRNNState):
        """Predict the frame after `frame` (B, H, W, C)."""
        outputs, layers, memory = zigzag(self.cells, frame, state.layers, state.memory)
        return self.decoder(outputs[-1]), PredRNNState(layers=layers, memory=memory)

    def with_own_loss(self, state: PredRNNState, frames, use_truth, feedback):
        """Predict a clip, and measure how alike what the two states of every cell take in is.

        frames (B, T, H, W, C), use_truth as for `rollout` -> predictions of frames 1 ... T - 1 and
        (B,), the decoupling loss of PredRNN-V2: |cosine| over space between what is added to the
        cell and to the memory, both through the adapter; the mean over channels, layers and steps.
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
            outputs, layers, memory = zigzag(cells, frame, state.layers, state.memory)
            likeness = [
                absolute_cosine(self.adapter(c), self.adapter(m))  # (B, channels)
                for c, m in added
            ]
            overlap = ops.mean(ops.stack(likeness), axis=(0, 2))
            after = PredRNNState(layers=layers, memory=memory)
            return (self.decoder(outputs[-1]), overlap), after

        predictions, overlaps = rollout_with_own_loss(step, state, frames, use_truth, feedback)
        return predictions, ops.mean(overlaps, axis=1)

    def released_names(self) -> dict[str, keras.Variable]:
        """Every weight by its name in a state dict of the authors' PyTorch program, in its order.

        Kernels are (out, in, rows, columns) there, norms (channels, rows, columns).

        Raises:
            ValueError: for another release; of that of 2017 no checkpoint was published.
        """
        if self.release != "2021":
            raise ValueError(
                f"release: only the program of 2021 has names for its weights, got {self.release}"
            )
        named = {}
        for i, cell in enumerate(self.cells):
            for source, short in _SHORT.items():
                named[f"cell_list.{i}.conv_{short}.0.weight"] = cell.convs[source].kernel
                if self.layer_norm:
                    norm = cell.norms[source]
                    named[f"cell_list.{i}.conv_{short}.1.weight"] = norm.gamma
                    named[f"cell_list.{i}.conv_{short}.1.bias"] = norm.beta
            named[f"cell_list.{i}.conv_last.weight"] = cell.conv_mix.kernel
        named["conv_last.weight"] = self.decoder.kernel
        if self.decouple:
            named["adapter.weight"] = self.adapter.kernel
        return named

    def torch_names(self) -> torch_layout.TorchNames:
        """What takes every array of such a state dict; raises as `released_names`."""
        layouts = {4: torch_layout.kernel, 3: torch_layout.norm_over_maps}
        named = self.released_names().items()
        return {name: ((weight, layouts[len(weight.shape)]),) for name, weight in named}

    def unused_torch_name(self, name: str) -> bool:
        """The program uses all that it saves."""
        del name
        return False

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
    """|cosine| over space of two maps (B, H, W, C), per channel: (B, C) in [0, 1], as float32."""
    a, b = ops.cast(a, "float32"), ops.cast(b, "float32")
    product = ops.sum(a * b, axis=(1, 2))
    squares = [ops.sum(ops.square(x), axis=(1, 2)) for x in (a, b)]
    # the program's normalisation divides by at least 1e-12; a root of 0 has no gradient
    lengths = [ops.sqrt(ops.maximum(square, 1e-24)) for square in squares]
    return ops.abs(product) / (lengths[0] * lengths[1])


_SHORT = {"input": "x", "hidden": "h", "memory": "m", "out": "o"}
