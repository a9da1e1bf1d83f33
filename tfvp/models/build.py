"""From a configuration to a network."""

from typing import Any

import keras

from tfvp.config.experiment import (
    ConvLSTMCellConfig,
    ConvLSTMForecasterConfig,
    ConvLSTMSkipConfig,
    ConvLSTMStackConfig,
    EideticStackConfig,
    Experiment,
    FCLSTMConfig,
    PredNetConfig,
    PredRNNConfig,
    PredRNNPPConfig,
    RecurrentAutoencoderConfig,
    Section,
    SimpleLSTMConfig,
    SpatioTemporalConfig,
)
from tfvp.models.conv_lstm_forecaster.network import ConvLSTMForecaster
from tfvp.models.conv_lstm_skip.network import ConvLSTMSkip
from tfvp.models.conv_lstm_stack.network import ConvLSTMStack
from tfvp.models.e3d_lstm.network import EideticStack
from tfvp.models.encoder_decoder import EncoderDecoderPredictor
from tfvp.models.fc_lstm.network import FCLSTMAutoencoder
from tfvp.models.parameters import parameter_count
from tfvp.models.prednet.network import PredNet
from tfvp.models.predrnn.network import PredRNN
from tfvp.models.predrnn_pp.network import PredRNNPP
from tfvp.models.recurrent import FramePredictor
from tfvp.models.recurrent_autoencoder.network import RecurrentAutoencoder
from tfvp.models.simple_lstm.network import SimpleLSTM
from tfvp.models.spatio_temporal_autoencoder.network import SpatioTemporal


def build_model(experiment: Experiment, precision: str | None = None) -> FramePredictor:
    """Build an experiment's network with fresh weights; `keras.utils.set_random_seed` fixes them.

    Returns a `FramePredictor`: `predict_frames(context (B, T, H, W, C), horizon)`. It computes in
    `precision`, the name of a Keras dtype policy, e.g. "mixed_bfloat16"; None: the one that is set.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision or before)  # layers take it when they are made
    try:
        return _build(experiment)
    finally:
        keras.config.set_dtype_policy(before)


def _build(experiment: Experiment) -> FramePredictor:
    data, model = experiment.data, experiment.model
    core = CORES[model.network](model)
    shape = (*data.frame_px, data.channels)
    if hasattr(core, "encode"):
        return EncoderDecoderPredictor(core, shape, _patch_px(model), name="predictor")
    late = model.network == "prednet" and model.late_feedback
    return FramePredictor(core, shape, _patch_px(model), late_feedback=late, name="predictor")


def _patch_px(model: Any) -> int:
    """A network without patches reads frames as they are."""
    return getattr(model, "patch_px", 1)


def count_parameters(experiment: Experiment) -> int:
    """`parameter_count` of an experiment's network, none of which is allocated."""
    with keras.StatelessScope(initialize_variables=False):
        return parameter_count(build_model(experiment))


def _eidetic_stack(model: EideticStackConfig) -> EideticStack:
    return EideticStack(
        model.hidden,
        model.cell.kernel,
        carry_memory=model.cell.carry_memory,
        wiring=model.wiring,
        name="core",
    )


def _conv_lstm_cell(cell: ConvLSTMCellConfig) -> dict[str, Any]:
    return {
        "kernel": cell.kernel,
        "state_kernel": cell.state_kernel,
        "peephole": cell.peephole,
        "use_bias": cell.bias,
    }


def _recurrent_cell(cell: Section) -> dict[str, Any]:
    """Kind and arguments of a cell that a network takes by its kind."""
    if isinstance(cell, ConvLSTMCellConfig):
        return {"kind": cell.kind, **_conv_lstm_cell(cell)}
    return cell.model_dump()


def _conv_lstm_stack(model: ConvLSTMStackConfig) -> ConvLSTMStack:
    return ConvLSTMStack(
        model.hidden,
        _conv_lstm_cell(model.cell),
        readout=model.readout,
        output=model.output,
        readout_bias=model.readout_bias,
        name="core",
    )


def _conv_lstm_forecaster(model: ConvLSTMForecasterConfig) -> ConvLSTMForecaster:
    return ConvLSTMForecaster(
        model.hidden, _conv_lstm_cell(model.cell), order=model.order, name="core"
    )


def _conv_lstm_skip(model: ConvLSTMSkipConfig) -> ConvLSTMSkip:
    return ConvLSTMSkip(
        model.hidden,
        model.kernel,
        _conv_lstm_cell(model.cell),
        stride=model.stride,
        reads=model.reads,
        name="core",
    )


def _fc_lstm(model: FCLSTMConfig) -> FCLSTMAutoencoder:
    return FCLSTMAutoencoder(
        model.hidden,
        activation=model.cell.activation,
        reconstruction=model.reconstruction,
        future=model.future,
        output=model.output,
        name="core",
    )


def _simple_lstm(model: SimpleLSTMConfig) -> SimpleLSTM:
    return SimpleLSTM(model.encoder, model.decoder, bidirectional=model.bidirectional, name="core")


def _predrnn(model: PredRNNConfig) -> PredRNN:
    return PredRNN(
        model.hidden,
        model.cell.kernel,
        release=model.cell.release,
        layer_norm=model.cell.layer_norm,
        decouple=model.decouple,
        name="core",
    )


def _predrnn_pp(model: PredRNNPPConfig) -> PredRNNPP:
    cell = model.cell
    return PredRNNPP(model.hidden, cell.kernel, layer_norm=cell.layer_norm, name="core")


def _recurrent_autoencoder(model: RecurrentAutoencoderConfig) -> RecurrentAutoencoder:
    cell = _recurrent_cell(model.cell)
    return RecurrentAutoencoder(model.hidden, cell, remember=model.remember, name="core")


def _spatio_temporal(model: SpatioTemporalConfig) -> SpatioTemporal:
    return SpatioTemporal(
        model.encoder,
        model.hidden,
        _recurrent_cell(model.cell),
        detach_sampled=model.detach_sampled,
        name="core",
    )


def _prednet(model: PredNetConfig) -> PredNet:
    unit = model.cell.unit
    return PredNet(
        model.channels,
        model.cell.kernel,
        unit=None if unit.kind == "released" else _recurrent_cell(unit),
        error_weights=model.error_weights,
        name="core",
    )


CORES: dict[str, Any] = {
    "conv_lstm_forecaster": _conv_lstm_forecaster,
    "conv_lstm_skip": _conv_lstm_skip,
    "conv_lstm_stack": _conv_lstm_stack,
    "eidetic_stack": _eidetic_stack,
    "predrnn": _predrnn,
    "predrnn_pp": _predrnn_pp,
    "prednet": _prednet,
    "recurrent_autoencoder": _recurrent_autoencoder,
    "fc_lstm": _fc_lstm,
    "simple_lstm": _simple_lstm,
    "spatio_temporal": _spatio_temporal,
}
