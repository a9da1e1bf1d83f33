"""One layer of PredNet: a recurrent unit that predicts its input and passes on the error."""

from typing import NamedTuple

import keras
from keras import ops

from tfvp.cells.base import GridCell
from tfvp.shapes import Tensor

GATES = ("c", "f", "i", "o")


class PredNetCellState(NamedTuple):
    """The state of a layer of PredNet; Keras passes it back as a plain tuple."""

    hidden: Tensor  # (B, H, W, filters), R
    cell: Tensor  # (B, H, W, filters)
    error: Tensor  # (B, H, W, 2 channels), E


class PredNetMemoryState(NamedTuple):
    """The state of a layer of PredNet whose unit also has a memory."""

    hidden: Tensor  # (B, H, W, filters), R
    cell: Tensor  # (B, H, W, filters)
    memory: Tensor  # (B, H, W, filters)
    error: Tensor  # (B, H, W, 2 channels), E


LayerState = PredNetCellState | PredNetMemoryState


@keras.saving.register_keras_serializable(package="tfvp")
class PredNetCell(GridCell):
    """One layer l of PredNet for one step, Lotter et al. 2017 (arXiv:1605.08104), as released.

    `*` is same-padded convolution with bias, s the hard sigmoid of Keras 2, up repeats every place
    twice in both directions. Downwards, then upwards:

        u = [R, E, up(R_above')]     i, f, o = s(W_i * u), s(W_f * u), s(W_o * u)
        c' = f ∘ c + i ∘ tanh(W_c * u)            R' = o ∘ tanh(c')
        Â = relu(W_Â * R'), at most `pixel_max`   E' = [relu(Â - A), relu(A - Â)]
        A_above = maxpool(relu(W_A * E'))

    Where program and paper differ: the paper has the error's two halves the other way round.
    Dittrich 2020 puts other recurrent units in the place of i, f, o and c': R', c' = unit([E,
    up(R_above')], R, c), with an ordinary sigmoid.

    `call` is a whole step of a layer on its own: A (B, H, W, channels), state -> E'
    (B, H, W, 2 channels), state. `tfvp.models.prednet.network` uses the parts.

    >>> cell, frame = PredNetCell(filters=8, channels=3), ops.ones((2, 16, 16, 3))
    >>> error, state = cell(frame, cell.get_initial_state(2, (16, 16)))
    >>> tuple(error.shape)
    (2, 16, 16, 6)

    Args:
        filters: channels of R and c.
        channels: channels of A and Â.
        kernel: rows, columns of the convolutions, odd, or one number for both.
        filters_above: channels of R of the layer above; 0: this is the top.
        channels_above: channels of A of the layer above; 0: this is the top.
        pixel_max: upper limit of Â; None: none.
        unit: a `ConvLSTMCell` or `STLSTMCell` of `filters` channels; None: the released equations.
    """

    def __init__(
        self,
        filters: int,
        channels: int,
        kernel: int | tuple[int, int] = 3,
        *,
        filters_above: int = 0,
        channels_above: int = 0,
        pixel_max: float | None = None,
        unit: GridCell | None = None,
        **kwargs,
    ):
        of_unit = unit.state_size if unit else (filters, filters)
        state = PredNetMemoryState if len(of_unit) == 3 else PredNetCellState
        widths = (*of_unit, 2 * channels)
        super().__init__(state, widths, output=2 * channels, **kwargs)
        self.filters = filters
        self.channels = channels
        self.kernel = kernel
        self.filters_above = filters_above
        self.channels_above = channels_above
        self.pixel_max = pixel_max
        self.unit = unit

        def conv(width: int, name: str) -> keras.layers.Conv2D:
            policy = self.dtype_policy
            return keras.layers.Conv2D(width, kernel, padding="same", dtype=policy, name=name)

        gates = () if unit else GATES
        self.conv_gates = {gate: conv(filters, f"layer_{gate}") for gate in gates}
        self.conv_prediction = conv(channels, "layer_ahat")
        self.conv_up = conv(channels_above, "layer_a") if channels_above else None

    def build(self, input_shape):
        """Create every weight; input_shape is (B, H, W, channels)."""
        places = tuple(input_shape[:-1])
        self._places = places[1:]  # H, W for get_initial_state in Keras' RNN layer
        seen = 2 * self.channels + self.filters_above
        for layer in self.conv_gates.values():
            layer.build((*places, self.filters + seen))
        if self.unit and not self.unit.built:  # a unit from a file is built
            self.unit.build((*places, seen))
        self.conv_prediction.build((*places, self.filters))
        if self.conv_up:
            self.conv_up.build((*places, 2 * self.channels))
        self.built = True

    def call(self, a, states, above=None, training=None):
        """Take one step: A and a state (and R' of the layer above) -> (E', new state)."""
        del training
        state = self.look_down(states, above)
        e = self.compare(self.predict(state.hidden), a)
        return e, state._replace(error=e)

    def look_down(self, states, above=None):
        """Return the state with new R' and c'; `above` (B, H/2, W/2, filters_above) is R' above."""
        *of_unit, e = states
        seen = [e]
        if self.filters_above:
            if above is None:
                raise ValueError(
                    f"above: expected R of the layer above, {self.filters_above} channels"
                )
            seen.append(ops.repeat(ops.repeat(above, 2, axis=1), 2, axis=2))
        if self.unit:
            _, after = self.unit(ops.concatenate(seen, axis=-1), tuple(of_unit))
            return self._state(*after, e)
        r, c = of_unit
        seen = ops.concatenate([r, *seen], axis=-1)
        i, f, o = (keras2_hard_sigmoid(self.conv_gates[gate](seen)) for gate in ("i", "f", "o"))
        c = f * c + i * ops.tanh(self.conv_gates["c"](seen))
        return PredNetCellState(hidden=o * ops.tanh(c), cell=c, error=e)

    def predict(self, r):
        """Return Â (B, H, W, channels) from R'."""
        predicted = ops.relu(self.conv_prediction(r))
        return predicted if self.pixel_max is None else ops.minimum(predicted, self.pixel_max)

    def compare(self, predicted, a):
        """Return E' (B, H, W, 2 channels): how far the prediction is above A, and how far below."""
        return ops.concatenate([ops.relu(predicted - a), ops.relu(a - predicted)], axis=-1)

    def climb(self, e):
        """Return A (B, H/2, W/2, channels_above) of the layer above from E'."""
        if self.conv_up is None:
            raise ValueError("climb: this is the top layer")
        return ops.max_pool(ops.relu(self.conv_up(e)), 2, strides=2, padding="valid")

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "channels": self.channels,
            "kernel": self.kernel,
            "filters_above": self.filters_above,
            "channels_above": self.channels_above,
            "pixel_max": self.pixel_max,
            "unit": self.unit and keras.saving.serialize_keras_object(self.unit),
        }

    @classmethod
    def from_config(cls, config):
        """Rebuild from `get_config`."""
        unit = config.pop("unit")
        return cls(unit=unit and keras.saving.deserialize_keras_object(unit), **config)


def keras2_hard_sigmoid(x):
    """Return 0.2 x + 0.5, clipped to [0, 1]: 0 below x = -2.5, 1 above 2.5.

    `keras.activations.hard_sigmoid` is relu6(x + 3) / 6 since Keras 3. Any shape.

    >>> [round(float(value), 3) for value in keras2_hard_sigmoid(ops.array([-3.0, 1.0, 3.0]))]
    [0.0, 0.7, 1.0]
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
