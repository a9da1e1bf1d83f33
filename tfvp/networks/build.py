"""From a configuration to a network."""

from tfvp.config import EideticStackConfig, Experiment
from tfvp.networks.eidetic_stack import EideticStack
from tfvp.networks.frame_predictor import FramePredictor


def build_model(experiment: Experiment) -> FramePredictor:
    """Build an experiment's network with fresh weights; `keras.utils.set_random_seed` fixes them.

    Returns a `FramePredictor`: `predict_frames(context (B, T, H, W, C), horizon)`.
    """
    data, model = experiment.data, experiment.model
    core = CORES[model.network](model)
    return FramePredictor(core, (*data.frame_px, data.channels), model.patch_px, name="predictor")


def _eidetic_stack(model: EideticStackConfig) -> EideticStack:
    return EideticStack(
        model.hidden,
        model.cell.kernel,
        carry_memory=model.cell.carry_memory,
        wiring=model.wiring,
        name="core",
    )


CORES = {"eidetic_stack": _eidetic_stack}
