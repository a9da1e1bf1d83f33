"""The spatio-temporal video autoencoder for one step of time: a frame moved along a flow."""

from typing import Any

import keras
from keras import ops

from tfvp.cells.make import make_cell
from tfvp.layers.flow import dense_image_warp, flow_roughness
from tfvp.layers.wide_conv import WideConv
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.rollout import rollout_measured
from tfvp.models.spatio_temporal_autoencoder.config import SpatioTemporalConfig
from tfvp.sections import DataSection

KERNEL, FLOW_KERNEL = 7, 15
FLOW_LIMIT = 0.5  # of half the map's side: no place moves further


@keras.saving.register_keras_serializable(package="tfvp")
class SpatioTemporal(RecurrentCore):
    """One step of the network of Patraucean et al. 2016 (arXiv:1511.06309), in three readings.

    frame x (B, H, W, C), state -> next frame x' (B, H, W, C), state. With `*` a same-padded
    convolution, h x w half of the frame's size, and p a place of the map:

        m = maxpool2(tanh(We * x))                     the map (B, h, w, encoder)
        s, state = cell(m, state)                      (B, h, w, hidden)
        F = head(W1 * (W0 * s))                        two channels: rows, columns; all linear
        f = clip(F, -1/2, 1/2) (side - 1) / 2          in places of the map
        x' = out(Wd * up2(m(p + f(p))))                bilinear, zero outside the map

    The flow says where a place is read from: what moves to the right has a negative column. The
    program's grid ends in the centres of the outmost places, hence (side - 1). F is in halves of
    the map's side, and no place is read from further than a quarter of it.

    - `flow_head="convolved"` (Dittrich 2020, Feist 2021): head(F) = 2 / side (W2 * F), W2 a 1x1
      convolution with bias that starts at zero, so that the network starts as one that repeats a
      frame. Feist states no unit for his flow; this one is Patraucean's.
    - `flow_head="scaled"` (Patraucean's program): head(F) = a ∘ F with one learned number a for
      rows and one for columns, which start at 2 / side.
    - `output`: Patraucean's program and Dittrich's end linearly, Feist with a sigmoid.
    - `detach_sampled`: in Dittrich's program no gradient goes back through the map that is moved,
      only through the flow; here both learn unless that is asked for.

    Patraucean's and Dittrich's networks predict one frame, and to go on read the clip again without
    its oldest frame; here the state goes on, as in Feist's. Patraucean's released program has other
    widths (32 and 45), an untied first step of its LSTM and another loss, on image gradients; what
    is here is the paper's network, whose published count it has.

    The auxiliary loss is Huber's function of the differences of F (see `flow_roughness`), as in the
    paper and in Feist's thesis; the released program leaves it out.

    >>> core = SpatioTemporal(encoder=4, hidden=4, cell={"kind": "conv_lstm"})
    >>> network = RecurrentPredictor(core, frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all maps 0
    ((2, 2, 8, 8, 1), 0.0)

    Args:
        encoder: channels of the map.
        hidden: channels of the cell.
        cell: settings of the cell, see `tfvp.cells.make_cell`.
        flow_head: convolved or scaled.
        output: linear or sigmoid.
        detach_sampled: see above.
    """

    has_flow = True

    def __init__(
        self,
        encoder: int,
        hidden: int,
        cell: dict[str, Any],
        *,
        flow_head: str = "convolved",
        output: str = "linear",
        detach_sampled: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.encoder_channels = encoder
        self.hidden = hidden
        self.cell_settings = dict(cell)
        self.flow_head = flow_head
        self.output_activation = output
        self.detach_sampled = detach_sampled
        self.encoder = self._conv(encoder, KERNEL, "encoder", activation="tanh")
        self.cell = make_cell(cell, hidden, dtype=self.dtype_policy, name="cell")
        settings = {"padding": "same", "dtype": self.dtype_policy}
        self.flow_layers = [
            WideConv(2, FLOW_KERNEL, name=name, **settings) for name in ("flow0", "flow1")
        ]
        if flow_head == "convolved":
            self.flow_layers.append(self._conv(2, 1, "flow2", kernel_initializer="zeros"))

    def _conv(self, filters: int, kernel: int, name: str, **settings) -> keras.layers.Conv2D:
        return keras.layers.Conv2D(
            filters, kernel, padding="same", dtype=self.dtype_policy, name=name, **settings
        )

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C), H and W even."""
        batch, height, width, channels = frame_shape
        if height % 2 or width % 2:
            raise ValueError(f"frames: H and W must be even, got {height}x{width}")
        places = (batch, height // 2, width // 2)
        self.encoder.build(frame_shape)
        self.cell.build((*places, self.encoder_channels))
        for layer, seen in zip(self.flow_layers, (self.hidden, 2, 2), strict=False):
            layer.build((*places, seen))
        if self.flow_head == "scaled":
            self.flow_scale = self.add_weight(
                name="flow_scale",
                shape=(2,),
                initializer=lambda shape, dtype=None: ops.cast(
                    2 / ops.convert_to_tensor(places[1:], "float32"), dtype
                ),
            )
        self.decoder = self._conv(channels, KERNEL, "decoder", activation=self.output_activation)
        self.decoder.build((batch, height, width, self.encoder_channels))
        self.built = True

    def initial_state(self, batch_size, frame_shape):
        """Return all-zero state of the cell for frames of (H, W, C)."""
        height, width, _ = frame_shape
        return self.cell.get_initial_state(batch_size, (height // 2, width // 2))

    def call(self, frame, state):
        """Predict the frame after `frame` (B, H, W, C)."""
        predicted, _, state = self.flow_step(frame, state)
        return predicted, state

    def flow_step(self, frame, state):
        """Take the step of `call`; also return the flow (B, H/2, W/2, 2) that moved the map."""
        seen = ops.max_pool(self.encoder(frame), 2, strides=2, padding="valid")
        hidden, state = self.cell(seen, state)
        flow = self.flow(hidden)
        sampled = ops.stop_gradient(seen) if self.detach_sampled else seen
        moved = dense_image_warp(sampled, -flow, outside="zero")
        return self.decoder(ops.repeat(ops.repeat(moved, 2, axis=1), 2, axis=2)), flow, state

    def rollout_with_auxiliary(self, state, frames, mask, feedback):
        """See `RecurrentCore`; "flow_roughness": of each step, which a sum of errors adds to."""

        def step(frame, state):
            predicted, flow, state = self.flow_step(frame, state)
            of_half = flow * 2 / (self._sides(flow) - 1)
            return (predicted, flow_roughness(of_half)), state

        predictions, roughness = rollout_measured(step, state, frames, mask, feedback)
        return predictions, {"flow_roughness": roughness}

    def flow(self, hidden):
        """Return where every place is read from: (B, h, w, hidden) -> (B, h, w, 2), pixels."""
        for layer in self.flow_layers:
            hidden = layer(hidden)
        sides, of_half = self._sides(hidden), ops.cast(hidden, "float32")
        if self.flow_head == "scaled":
            of_half = of_half * ops.cast(self.flow_scale, "float32")
        else:
            of_half = of_half * 2 / sides
        return ops.clip(of_half, -FLOW_LIMIT, FLOW_LIMIT) * (sides - 1) / 2

    @staticmethod
    def _sides(of_map):
        """Return rows and columns of a map (B, H, W, any)."""
        return ops.cast(ops.convert_to_tensor(of_map.shape[1:3]), "float32")

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "encoder": self.encoder_channels,
            "hidden": self.hidden,
            "cell": self.cell_settings,
            "flow_head": self.flow_head,
            "output": self.output_activation,
            "detach_sampled": self.detach_sampled,
        }


def build(model: SpatioTemporalConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    core = SpatioTemporal(
        model.encoder,
        model.hidden,
        model.cell.settings(),
        flow_head=model.flow_head,
        output=model.output,
        detach_sampled=model.detach_sampled,
        name="core",
    )
    return RecurrentPredictor(core, data.frame_shape, name="predictor")
