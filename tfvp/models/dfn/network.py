"""The dynamic filter network for one step of time: it predicts filters and applies them."""

import keras
from keras import ops

from tfvp.layers.local_filter import local_filter, mean_offset
from tfvp.models.dfn.config import DFNConfig
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.sections import DataSection

# name -> side of the kernel, channels made and read, both in widths; None: those of the frame
_LAYERS = {
    "e1": (3, 1, None),
    "e2": (3, 1, 1),
    "e3": (3, 2, 1),
    "e4": (3, 2, 2),
    "mid": (3, 4, 2),
    "h1": (3, 4, 4),
    "h2": (3, 4, 4),
    "d1": (3, 2, 4),
    "d2": (3, 2, 2),
    "d3": (3, 2, 2),
    "d4": (3, 2, 2),
    "f1": (1, 4, 2),
}


@keras.saving.register_keras_serializable(package="tfvp")
class DFN(RecurrentCore):
    """One step of the network of De Brabandere et al. 2016 (arXiv:1605.09673), as released.

    frame x (B, H, W, C), state h (B, H/2, W/2, 4 width) -> next frame (B, H, W, C), state. Every
    layer but f2 is a convolution and a leaky rectifier of slope 0.01, f2 a convolution alone:

        a  = mid(e4(e3(e2(e1(x)))))         e2 has stride 2
        h' = a + h2(h1(h))                  neither a gate nor a rectifier after the sum
        m  = f2(f1(d4(d3(enlarge(d2(d1(h')))))))    enlarged twice by repeating places
        y[p] = Σ_k softmax(m)[p, k] · x[p + offset_k]

    A prediction of frames in [0, 1] therefore stays in [0, 1]. Layers have the released program's
    order. Nothing keeps h small: it can grow in long rollouts.

    `dynamic_bias`: x + b is filtered, b one map more of f2. `refinement`: the result is
    y + r4(r3(r2(r1([y, x])))), each rectified. Either may leave [0, 1]. `dynamic=False` is the
    baseline: y is a linear 1x1 convolution of m, without a softmax.

    Weights start as Lasagne's HeUniform with its default gain, U(±√(3 / fan_in)), biases as zero.

    >>> network = RecurrentPredictor(DFN(width=2, kernel=3), frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.ones((2, 3, 8, 8, 1)), horizon=2)
    >>> round(float(future[0, 0, 4, 4, 0]), 4)  # filters whose taps sum to 1 leave white white
    1.0

    Args:
        width: channels of the first maps; the released program has 32.
        kernel: side of the filters.
        dynamic: False: the baseline.
        dynamic_bias: see above.
        refinement: see above.
    """

    def __init__(
        self,
        width: int = 32,
        kernel: int = 9,
        *,
        dynamic: bool = True,
        dynamic_bias: bool = False,
        refinement: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.width = width
        self.kernel = kernel
        self.dynamic = dynamic
        self.dynamic_bias = dynamic_bias
        self.refinement = refinement
        self.has_flow = dynamic
        self.convs = {
            name: self._conv(filters * width, side, name)
            for name, (side, filters, _) in _LAYERS.items()
        }

    def _conv(self, filters: int, side: int, name: str) -> keras.layers.Conv2D:
        halves = name == "e2"
        return keras.layers.Conv2D(
            filters,
            side,
            strides=2 if halves else 1,
            padding="valid" if halves else "same",
            kernel_initializer="lecun_uniform",
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C), H and W even."""
        _, height, width, channels = frame_shape
        if height % 2 or width % 2:
            raise ValueError(f"frames: H and W must be even, got {height}x{width}")
        for name, (_, _, read) in _LAYERS.items():
            self._build(self.convs[name], read * self.width if read else channels)
        maps = self.kernel**2 + self.dynamic_bias
        self.decoder = [self._build(self._conv(maps, 1, "f2"), 4 * self.width)]
        if not self.dynamic:
            self.decoder.append(self._build(self._conv(channels, 1, "out"), maps))
        if self.refinement:
            made = (self.width, 2 * self.width, self.width, channels)
            for i, read in enumerate((2 * channels, *made[:-1])):
                conv = self._conv(made[i], 3, f"r{i + 1}")
                self.decoder.append(self._build(conv, read))
        self.built = True

    @staticmethod
    def _build(conv: keras.layers.Conv2D, channels: int) -> keras.layers.Conv2D:
        conv.build((None, None, None, channels))
        return conv

    def initial_state(self, batch_size, frame_shape):
        """Return zeros for frames of (H, W, C)."""
        height, width, _ = frame_shape
        shape = (batch_size, height // 2, width // 2, 4 * self.width)
        return ops.zeros(shape, dtype=self.compute_dtype)

    def call(self, frame, state):
        """Predict the frame after `frame` (B, H, W, C)."""
        predicted, _, state = self._step(frame, state)
        return predicted, state

    def flow_step(self, frame, state):
        """Take the step of `call`; also return where filters read on average, (B, H, W, 2)."""
        predicted, filters, state = self._step(frame, state)
        return predicted, mean_offset(filters), state

    def _step(self, frame, state):
        """Return the prediction, its filters (B, H, W, kernel²) or maps, and the state."""
        maps, state = self._maps(frame, state)
        if self.dynamic:
            maps = ops.cast(maps, "float32")
            filters = ops.softmax(maps[..., : self.kernel**2], axis=-1)
            filtered = frame + maps[..., self.kernel**2 :] if self.dynamic_bias else frame
            predicted = ops.cast(local_filter(filtered, filters), self.compute_dtype)
        else:
            filters, predicted = maps, self.decoder[1](maps)
        if self.refinement:
            correction = ops.concatenate([predicted, frame], axis=-1)
            for conv in self.decoder[-4:]:
                correction = _rectified(conv(correction))
            predicted = predicted + correction
        return predicted, filters, state

    def _maps(self, frame, state):
        """Return the maps (B, H, W, kernel² or one more) that make filters, and the state."""
        read = self._through(frame, "e1")
        read = self._through(ops.pad(read, [[0, 0], [1, 1], [1, 1], [0, 0]]), "e2")
        state = self._through(read, "e3", "e4", "mid") + self._through(state, "h1", "h2")
        small = self._through(state, "d1", "d2")
        large = ops.repeat(ops.repeat(small, 2, axis=1), 2, axis=2)
        return self.decoder[0](self._through(large, "d3", "d4", "f1")), state

    def _through(self, x, *names: str):
        for name in names:
            x = _rectified(self.convs[name](x))
        return x

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "width": self.width,
            "kernel": self.kernel,
            "dynamic": self.dynamic,
            "dynamic_bias": self.dynamic_bias,
            "refinement": self.refinement,
        }


def _rectified(x):
    return ops.leaky_relu(x, negative_slope=0.01)


def build(model: DFNConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    core = DFN(
        model.width,
        model.kernel,
        dynamic=model.dynamic,
        dynamic_bias=model.dynamic_bias,
        refinement=model.refinement,
        name="core",
    )
    return RecurrentPredictor(core, data.frame_shape, name="predictor")
