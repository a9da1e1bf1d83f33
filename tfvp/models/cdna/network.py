"""CDNA, DNA and STP for one step of time: the pixels of a frame are moved and composed."""

import keras
from keras import ops

from tfvp.cells.conv_lstm import ConvLSTMCell, ConvLSTMState
from tfvp.layers.tensor_layer_norm import TensorLayerNorm
from tfvp.models.cdna.composition import Composition
from tfvp.models.cdna.config import CDNAConfig
from tfvp.models.cdna.weights import CDNAProgram
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.porting.program import Program
from tfvp.sections import DataSection

SCALES = (2, 2, 4, 4, 8, 4, 2)  # the frame's side over that of each cell's map


@keras.saving.register_keras_serializable(package="tfvp")
class CDNA(RecurrentCore):
    """One step of the networks of Finn, Goodfellow and Levine 2016 (NIPS, arXiv:1605.07157).

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. Seven ConvLSTM cells read the frame
    at a half, a quarter, an eighth of its size and back, with two skips:

        e0 = relu(N(conv 5x5/2 of the frame))          h1, h2 of e0
        e1 = relu(conv 3x3/2 of h2)                    h3, h4 of e1
        e2 = relu(conv 1x1 of relu(conv 3x3/2 of h4))  h5 of e2
        d1 = relu(transposed conv 3x3/2 of h5)         h6 of d1
        d2 = relu(transposed conv 3x3/2 of [h6, e1])   h7 of d2
        d3 = relu(N(transposed conv 3x3/2 of [h7, e0]))

    h_k is N of a cell's output, N the layer norm over a whole sample; a cell's own hidden state is
    not normalised. h5 and d3 decide how the frame's pixels are moved and composed (`Composition`).
    Masks, kernels and DNA's taps are shares of one, so without new pixels no value leaves the
    frame's range.

    The program adds one inside the forget gate where here its bias starts at one, and has one
    convolution of a cell's input and hidden state side by side where here are two, whose first
    values are drawn for the inputs of each. What it does with a robot's states and actions is left
    out, as is the layer that predicts the states.

    Where paper and program differ: the paper says nothing of a rectifier on new pixels, taps and
    masks; the program has one by its layers' default (`heads="relu"`), without is "linear".

    >>> core = CDNA(hidden=(2,) * 7, kernel=3, masks=2)
    >>> network = RecurrentPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), round(float(future[0, 0, 4, 4, 0]), 4)  # new pixels: σ(0) / 3
    ((2, 2, 8, 8, 1), 0.1667)

    Args:
        hidden: channels of the seven cells.
        transform: cdna (kernels of the clip), dna (a kernel of every pixel) or stp (affine).
        kernel: side of the kernels and of the places' taps.
        masks: masks beside the frame's own; 1 with dna.
        heads: relu or linear.
    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        transform: str = "cdna",
        *,
        kernel: int = 5,
        masks: int = 10,
        heads: str = "relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden = tuple(hidden)
        self.composed = {"transform": transform, "kernel": kernel, "masks": masks, "heads": heads}
        policy = self.dtype_policy
        n1, n2, _, n4, n5, n6, n7 = self.hidden
        self.cells = [
            ConvLSTMCell(n, unit_forget_bias=True, dtype=policy, name=f"state{k}")
            for k, n in enumerate(self.hidden, 1)
        ]
        self.norms = [TensorLayerNorm(dtype=policy, name=f"layer_norm{k}") for k in range(1, 10)]
        conv, transposed = keras.layers.Conv2D, keras.layers.Conv2DTranspose
        of_half = {"strides": 2, "padding": "same", "dtype": policy}
        self.downward = [
            conv(n1, 5, use_bias=False, name="scale1_conv1", **of_half),
            conv(n2, 3, activation="relu", name="conv2", **of_half),
            conv(n4, 3, activation="relu", name="conv3", **of_half),
            conv(n4, 1, activation="relu", dtype=policy, name="conv4"),
        ]
        self.upward = [
            transposed(n5, 3, activation="relu", name="convt1", **of_half),
            transposed(n6 + n2, 3, activation="relu", name="convt2", **of_half),
            transposed(n7 + n1, 3, use_bias=False, name="convt3", **of_half),
        ]
        self.decoder = Composition(**self.composed, dtype=policy, name="composition")

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C), H and W divisible by 8."""
        batch, height, width, channels = frame_shape
        if height % 8 or width % 8:
            raise ValueError(f"frames: H and W must be divisible by 8, got {height}x{width}")

        def of(scale: int, seen: int) -> tuple[int | None, ...]:
            return (batch, height // scale, width // scale, seen)

        n1, n2, n3, n4, n5, n6, n7 = self.hidden
        inputs = (n1, n1, n2, n3, n4, n5, n6 + n2)
        for cell, norm, scale, seen in zip(
            self.cells, self.norms[1:8], SCALES, inputs, strict=True
        ):
            cell.build(of(scale, seen))
            norm.build(of(scale, cell.filters))
        for layer, scale, seen in zip(
            [*self.downward, *self.upward],
            (1, 2, 4, 8, 8, 4, 2),
            (channels, n2, n4, n4, n5, n6 + n2, n7 + n1),
            strict=True,
        ):
            layer.build(of(scale, seen))
        self.norms[0].build(of(2, n1))
        self.norms[8].build(of(1, n7 + n1))
        self.decoder.build(frame_shape, of(8, n5), of(1, n7 + n1))
        self.built = True

    def initial_state(self, batch_size, frame_shape) -> tuple[ConvLSTMState, ...]:
        """Return all-zero state of the cells for frames of (H, W, C)."""
        height, width, _ = frame_shape
        return tuple(
            cell.get_initial_state(batch_size, (height // scale, width // scale))
            for cell, scale in zip(self.cells, SCALES, strict=True)
        )

    def call(self, frame, state):
        """Predict the frame after `frame` (B, H, W, C)."""
        deepest, finest, state = self.maps(frame, state)
        return self.decoder(frame, deepest, finest), state

    @property
    def has_drawings(self) -> bool:
        """Return True: its masks and what each kind of them adds to the frame are drawn."""
        return True

    def drawn_step(self, frame, state):
        """Take the step of `call`; also return what `Composition.drawn` does."""
        deepest, finest, after = self.maps(frame, state)
        return (
            self.decoder(frame, deepest, finest),
            self.decoder.drawn(frame, deepest, finest),
            after,
        )

    def maps(self, frame, state):
        """Return h5 (B, H/8, W/8, c) and d3 (B, H, W, c) of a frame, and the state after it."""
        after = []

        def h(k: int, x):
            x, new = self.cells[k - 1](x, state[k - 1])
            after.append(new)
            return self.norms[k](x)

        e0 = ops.relu(self.norms[0](self.downward[0](frame)))
        e1 = self.downward[1](h(2, h(1, e0)))
        e2 = self.downward[2](h(4, h(3, e1)))
        h5 = h(5, self.downward[3](e2))
        h6 = h(6, self.upward[0](h5))
        h7 = h(7, self.upward[1](ops.concatenate([h6, e1], axis=-1)))
        d3 = self.upward[2](ops.concatenate([h7, e0], axis=-1))
        return h5, ops.relu(self.norms[8](d3)), tuple(after)

    def programs(self) -> dict[str, Program]:
        """Return the released TF1 program."""
        return {"tf1": CDNAProgram(self)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "hidden": self.hidden, **self.composed}


def build(model: CDNAConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    core = CDNA(
        model.hidden,
        model.transform,
        kernel=model.kernel,
        masks=model.masks,
        heads=model.heads,
        name="core",
    )
    return RecurrentPredictor(core, data.frame_shape, name="predictor")
