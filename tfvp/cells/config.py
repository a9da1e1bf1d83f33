"""The sections of recurrent cells; a network's section holds one as `cell`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, Tag

from tfvp.choices import chosen_by
from tfvp.sections import OddPositive, Positive, Section


class CellSection(Section):
    """The settings of a recurrent cell; a section sets `kind`, the cell's name, as a literal."""

    if TYPE_CHECKING:
        kind: Any

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the cell's layer but the number of its units."""
        return self.model_dump(exclude={"kind"})

    def settings(self) -> dict[str, Any]:
        """Return `kind` and arguments, for `tfvp.cells.make_cell`."""
        return {"kind": self.kind, **self.arguments()}


class EideticCellConfig(CellSection):
    """The recurrent cell of E3D-LSTM (Wang et al. 2019)."""

    kind: Literal["eidetic_lstm"] = "eidetic_lstm"
    kernel: tuple[Positive, Positive, Positive] = Field(
        default=(2, 5, 5), strict=False, description="time, rows, columns; [1, 5, 5] is the E2D net"
    )
    carry_memory: bool = Field(
        default=False,
        description="true: the paper's equations; false: the released code, whose memory stays 0",
    )


class ConvLSTMCellConfig(CellSection):
    """The convolutional LSTM cell (Shi et al. 2015, arXiv:1506.04214)."""

    kind: Literal["conv_lstm"] = "conv_lstm"
    kernel: tuple[Positive, Positive] = Field(
        default=(5, 5), strict=False, description="rows, columns of the input's convolution"
    )
    state_kernel: tuple[Positive, Positive] = Field(
        default=(5, 5), strict=False, description="rows, columns of the state's convolution"
    )
    peephole: Literal["none", "channel", "full", "conv", "conv_released"] = Field(
        default="none",
        description="peepholes from cell to gates: one weight a channel (Shi's counts), one for "
        "each pixel and channel (the formula read literally), or a convolution; conv_released: of "
        "Dittrich's program, whose output gate sees it through the candidate's convolution",
    )
    bias: bool = Field(default=True, description="false: OpenSTL's cell has none")
    kernel_range: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="input's and state's kernels begin uniform between plus and minus this; null: "
        "Glorot uniform",
    )

    def arguments(self) -> dict[str, Any]:
        """Return the layer's arguments, among which `bias` has Keras' name `use_bias`."""
        return {**self.model_dump(exclude={"kind", "bias"}), "use_bias": self.bias}


class STLSTMCellConfig(CellSection):
    """The spatiotemporal LSTM cell (Wang et al. 2017)."""

    kind: Literal["st_lstm"] = "st_lstm"
    kernel: OddPositive = Field(default=5, description="side of the convolutions")
    release: Literal["2021", "2017", "paper"] = Field(
        default="2021",
        description="the authors' PyTorch cell, their first TF1 cell, or the paper's equations",
    )
    layer_norm: bool = Field(
        default=False, description="of the gates; in release 2021 it fixes the size of a frame"
    )


class CausalLSTMCellConfig(CellSection):
    """The causal LSTM cell (Wang et al. 2018), and the highway, which shares its settings."""

    kind: Literal["causal_lstm"] = "causal_lstm"
    kernel: OddPositive = Field(default=5, description="side of the convolutions")
    layer_norm: bool = Field(default=True, description="of the gates")


class FCLSTMCellConfig(CellSection):
    """The fully connected LSTM cell with peepholes (Graves 2013, Srivastava et al. 2015)."""

    kind: Literal["fc_lstm"] = "fc_lstm"
    activation: Literal["tanh", "relu"] = Field(
        default="tanh", description="of the candidate and the output, as the released program"
    )


RecurrentCellConfig = Annotated[
    Annotated[ConvLSTMCellConfig, Tag("conv_lstm")] | Annotated[STLSTMCellConfig, Tag("st_lstm")],
    chosen_by("kind", "conv_lstm", "st_lstm"),
]
