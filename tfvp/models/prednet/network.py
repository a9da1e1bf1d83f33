"""PredNet for one step of time: errors go up through the layers, predictions come down."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from tfvp.cells.make import make_cell
from tfvp.cells.prednet import LayerState, PredNetCell
from tfvp.models.prednet.config import PredNetConfig, ReleasedUnitConfig
from tfvp.models.prednet.weights import PredNetProgram
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.rollout import rollout
from tfvp.porting.program import Program
from tfvp.sections import DataSection
from tfvp.shapes import Tensor


class PredNetState(NamedTuple):
    """The state that PredNet carries from one step to the next."""

    layers: tuple[LayerState, ...]  # R and c for the next frame, E of the frame just read
    late: Tensor  # (B, H, W, C), the prediction of the frame just read


@keras.saving.register_keras_serializable(package="tfvp")
class PredNet(RecurrentCore):
    """One step of PredNet (Lotter et al. 2017), as its released Keras program.

    frame (B, H, W, C), state -> next frame (B, H, W, C), state. The program comes down through the
    layers to a prediction of frame t, then reads frame t and goes up. Here a step reads frame t,
    goes up, and comes down to the prediction of frame t + 1; the first way down is part of the
    initial state. The numbers are the same, and no prediction waits for a frame it does not need.

    Past the truth the program reads, as frame t, not its prediction of frame t but that of frame
    t - 1 (`late_prediction`), and its published fine-tuned weights expect it.

    >>> network = RecurrentPredictor(PredNet(channels=(4,)), frame_shape=(8, 8, 1))
    >>> future = network.predict_frames(ops.zeros((2, 3, 8, 8, 1)), horizon=2)
    >>> tuple(future.shape), float(future[0, 0, 0, 0, 0])  # black frames leave all errors 0
    ((2, 2, 8, 8, 1), 0.0)

    Args:
        channels: channels of A and R of each layer but the lowest, which has the frame's.
        kernel: side of the convolutions.
        unit: settings of another unit, as in Dittrich 2020, see `make_cell`; None: the released.
        pixel_max: upper limit of a predicted frame.
        error_weights: weight of each layer's error in training by error units; (1, 0.1, 0.1,
            0.1) is the program's L_all, None its L_0: only the lowest layer's counts.

    Raises:
        ValueError: not one error weight per layer; when built, frames that the layers cannot halve.
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (48, 96, 192),
        kernel: int = 3,
        *,
        unit: dict[str, Any] | None = None,
        pixel_max: float = 1.0,
        error_weights: tuple[float, ...] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if error_weights is not None and len(error_weights) != len(channels) + 1:
            raise ValueError(
                f"error_weights: expected one for each of {len(channels) + 1} layers, got "
                f"{error_weights}"
            )
        self.channels = tuple(channels)
        self.kernel = kernel
        self.unit = unit and dict(unit)
        self.pixel_max = pixel_max
        self.error_weights = error_weights and tuple(error_weights)

    def build(self, frame_shape):
        """Create every weight; frame_shape is (B, H, W, C)."""
        _, height, width, frame_channels = frame_shape
        stack = (frame_channels, *self.channels)
        if height % 2 ** len(self.channels) or width % 2 ** len(self.channels):
            raise ValueError(
                f"frames: {len(self.channels)} halvings do not divide {height}x{width} evenly"
            )
        self.cells = []
        for i, n in enumerate(stack):
            above = stack[i + 1] if i + 1 < len(stack) else 0
            cell = PredNetCell(
                filters=n,
                channels=n,
                kernel=self.kernel,
                filters_above=above,
                channels_above=above,
                pixel_max=self.pixel_max if i == 0 else None,
                unit=self._unit(n),
                dtype=self.dtype_policy,
                name=f"layer_{i}",
            )
            cell.build((None, height // 2**i, width // 2**i, n))
            self.cells.append(cell)
        self.built = True

    def _unit(self, filters: int) -> keras.layers.Layer | None:
        if self.unit is None:
            return None
        return make_cell(self.unit, filters, dtype=self.dtype_policy, name="unit")

    @property
    def decoder(self) -> keras.layers.Layer:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Return the layers that make frames."""
        return self.cells[0].conv_prediction

    def initial_state(self, batch_size, frame_shape) -> PredNetState:
        """Return the state before the first frame (H, W, C): zeros after a first way down."""
        height, width, channels = frame_shape
        zeros = [
            cell.get_initial_state(batch_size, (height // 2**i, width // 2**i))
            for i, cell in enumerate(self.cells)
        ]
        nothing = ops.zeros((batch_size, height, width, channels), dtype=self.compute_dtype)
        return PredNetState(layers=self._descend(zeros), late=nothing)

    def call(self, frame, state: PredNetState):
        """Predict the frame after `frame` (B, H, W, C); returns it and the new state."""
        _, predicted, errors = self._ascend(frame, state)
        after = self._after(state, predicted, errors)
        return self.cells[0].predict(after.layers[0].hidden), after

    def _ascend(self, frame, state: PredNetState):
        """Return A, Â and E of every layer at the frame that is read."""
        a, targets, predicted, errors = frame, [], [], []
        for cell, layer in zip(self.cells, state.layers, strict=True):
            targets.append(a)
            predicted.append(cell.predict(layer.hidden))
            errors.append(cell.compare(predicted[-1], a))
            a = cell.climb(errors[-1]) if cell.channels_above else None
        return targets, predicted, errors

    def _after(self, state: PredNetState, predicted, errors) -> PredNetState:
        """Return the state for the next frame, after a way down."""
        layers = [s._replace(error=e) for s, e in zip(state.layers, errors, strict=True)]
        return PredNetState(layers=self._descend(layers), late=predicted[0])

    def _descend(self, states) -> tuple[LayerState, ...]:
        """Compute new R and c from the top layer down; errors stay."""
        above, after = None, []
        for cell, state in zip(reversed(self.cells), reversed(states), strict=True):
            after.append(cell.look_down(state, above))
            above = after[-1].hidden
        return tuple(reversed(after))

    def late_prediction(self, output, state: PredNetState):
        """Return what the program reads past the truth: its prediction of the frame before."""
        del output
        return state.late

    def observe(self, mode: str):
        """Return a step that gives what the program's `output_mode` gives, not the next frame.

        At the step that reads frame t: "prediction" of frame t (B, H, W, C); "error", the mean of
        every layer's E (B, layers); "all", the flattened prediction with the errors behind it; or
        "R0", "E0", "A0", "Ahat0", … of a layer. The mean of E0 is half the mean absolute error.

        Raises:
            ValueError: another mode.
        """
        kind, layer = mode.rstrip("0123456789"), mode[len(mode.rstrip("0123456789")) :]
        of_layer = kind in ("R", "E", "A", "Ahat") and layer and int(layer) < len(self.cells)
        if mode not in ("prediction", "error", "all") and not of_layer:
            raise ValueError(
                f"mode: expected prediction, error, all, or R, E, A or Ahat with a layer's number, "
                f"0 to {len(self.cells) - 1}, got {mode}"
            )

        def step(frame, state):
            targets, predicted, errors = self._ascend(frame, state)
            after = self._after(state, predicted, errors)
            if mode == "prediction":
                return predicted[0], after
            if mode in ("error", "all"):
                means = _means(errors)
                flat = ops.reshape(predicted[0], (-1, math.prod(predicted[0].shape[1:])))
                return (means if mode == "error" else ops.concatenate([flat, means], -1)), after
            hidden = [s.hidden for s in state.layers]
            seen = {"R": hidden, "E": errors, "A": targets, "Ahat": predicted}
            return seen[kind][int(layer)], after

        return step

    def rollout_with_auxiliary(self, state: PredNetState, frames, mask, feedback):
        """See `RecurrentCore`; "errors": weighted over layers, a mean over frames 1 … T - 1."""

        def step(frame, state):
            _, predicted, errors = self._ascend(frame, state)
            after = self._after(state, predicted, errors)
            prediction = self.cells[0].predict(after.layers[0].hidden)
            return (prediction, self._weigh(_means(errors))), after

        # One step more than for predictions alone: the last frame is read to measure its errors.
        read = ops.concatenate([mask, ops.ones_like(frames[:, :1, 0, 0, 0])], axis=1)
        predictions, errors = rollout(
            step,
            state,
            frames,
            predict_frames=mask.shape[1] + 2,
            mask=read,
            feedback=lambda output, state: feedback(output[0], state),
        )
        return predictions[:, :-1], {"errors": ops.mean(errors[:, 1:], axis=1)}

    def _weigh(self, means):
        """Sum errors (B, layers) over the layers by their weights: (B,)."""
        weights = self.error_weights or (1.0, *(0.0 for _ in self.channels))
        return ops.sum(means * ops.cast(ops.convert_to_tensor(weights), means.dtype), axis=-1)

    def programs(self) -> dict[str, Program]:
        """Return the original Keras 2 program, which has the released unit alone."""
        return {} if self.unit else {"keras2": PredNetProgram(self)}

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "kernel": self.kernel,
            "unit": self.unit,
            "pixel_max": self.pixel_max,
            "error_weights": self.error_weights,
        }


def _means(errors: list):
    """Return the mean of every layer's E, (B, layers), as float32."""
    means = [ops.mean(ops.cast(e, "float32"), axis=(1, 2, 3)) for e in errors]
    return ops.stack(means, axis=-1)


def build(model: PredNetConfig, data: DataSection) -> RecurrentPredictor:
    """Build the network of a configuration."""
    unit = model.cell.unit
    core = PredNet(
        model.channels,
        model.cell.kernel,
        unit=None if isinstance(unit, ReleasedUnitConfig) else unit.settings(),
        error_weights=model.error_weights,
        name="core",
    )
    late = model.late_feedback
    return RecurrentPredictor(core, data.frame_shape, late_feedback=late, name="predictor")
