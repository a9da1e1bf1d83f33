"""What a network costs: parameters, work and speed, against numbers worked out by hand."""

import keras
import numpy as np
from keras import ops

from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.evaluation.cost import TimedPrediction, network_cost
from tfvp.evaluation.schema import read_metrics
from tfvp.experiment.stages import run_stages
from tfvp.models.build import build_model, count_parameters
from tfvp.models.core import Core
from tfvp.models.cost import count_operations, parameter_count


class Convolving(keras.Model):
    """Each predicted frame is a 3x3 convolution of the one before, with a statistic beside it."""

    def __init__(self):
        super().__init__()
        self.frame_shape = (4, 5, 1)
        self.core = Core()
        self.conv = keras.layers.Conv2D(1, 3, padding="same")
        self.conv.build((None, *self.frame_shape))
        self.statistic = self.add_weight(name="moving_mean", shape=(7,), trainable=False)

    def predict_frames(self, context, horizon: int):
        frames = [context[:, -1]]
        for _ in range(horizon):
            frames.append(self.conv(frames[-1]))
        return ops.stack(frames[1:], axis=1)

    counted_prediction = predict_frames


def test_parameters_and_work_by_hand():
    """9 weights and a bias; 4 * 5 places times 9 products for each of 2 frames."""
    cost = network_cost(Convolving(), 3, 2)
    assert cost.parameters == 10
    assert cost.macs == 2 * 4 * 5 * 9
    assert "FLOPs are twice" in cost.macs_definition


def test_parameters_are_those_that_the_literature_counts():
    """PyTorch counts no running statistics; a decoder that is frozen still has its parameters."""
    experiment = load_config("conv_lstm_skip")
    network = build_model(experiment)
    for layer in network.decoder_layers():
        layer.trainable = False
    assert parameter_count(network) == count_parameters(experiment) == 846_305
    assert network_cost(network, 1, 1).parameters == 846_305
    assert network.count_params() == 846_305 + 128


def test_speed_leaves_compilation_out():
    """Batches of 4, 4, 4 and 2 clips in 9, 2, 3 and 9 s: the 4s after the first count, 8 in 5 s."""
    times = iter([0, 9, 10, 12, 20, 23, 30, 39])
    timed = TimedPrediction(lambda frames: frames[:, -1:], clock=lambda: next(times))
    for clips in (4, 4, 4, 2):
        assert timed(np.zeros((clips, 3, 4, 5, 1), np.float32)).shape == (clips, 1, 4, 5, 1)
    speed = timed.speed("an abacus")
    assert speed is not None
    assert (speed.clips_per_second, speed.clips, speed.batch) == (8 / 5, 8, 4)
    assert speed.device == "an abacus"


def test_one_batch_is_no_speed():
    timed = TimedPrediction(lambda frames: frames)
    timed(np.zeros((4, 3, 4, 5, 1), np.float32))
    assert timed.speed("CPU") is None


def test_an_evaluation_records_what_its_network_costs(tmp_path):
    experiment = tiny.dense(tmp_path, "training.steps=2", "evaluation.batch=2")
    job = tiny.job(experiment)
    run_stages(job, ("prepare", "train", "evaluate"))
    cost = read_metrics(job.run.metrics_path).metadata.cost
    assert cost is not None
    network = build_model(experiment)
    weights = sum(np.asarray(weight).size for weight in network.trainable_variables)
    assert cost.parameters == weights
    assert cost.speed is not None
    assert (cost.speed.clips, cost.speed.batch) == (4, 2)  # of six, the first two compile
    assert cost.speed.device.startswith(("CPU, ", "1 x GPU"))
    assert cost.speed.clips_per_second > 0


def test_depthwise_work_by_hand():
    """4 * 5 places of 3 channels, 9 products each; a multiplication and an addition are two."""
    x, kernel = ops.zeros((1, 4, 5, 3)), ops.zeros((3, 3, 3, 1))
    counted = count_operations(lambda: ops.depthwise_conv(x, kernel, padding="same"))
    assert counted == 2 * 4 * 5 * 3 * 9
