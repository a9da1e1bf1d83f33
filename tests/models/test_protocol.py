"""The protocol of networks: one entrance in training, an explicit horizon, traits that are read."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import tiny
from tfvp.config.loading import load_config
from tfvp.config.training import InitConfig
from tfvp.errors import ConfigError, WeightsError
from tfvp.models.base import VideoPredictor
from tfvp.models.build import build_model
from tfvp.models.clip import ClipCore, ClipPredictor
from tfvp.models.recurrent import RecurrentCore, RecurrentPredictor
from tfvp.models.rollout import rollout_measured
from tfvp.training.distributed.devices import Devices
from tfvp.training.initialise import initialise
from tfvp.training.loop import build_trainer
from tfvp.training.losses import absolute_square_loss, with_auxiliary
from tfvp.training.trainer import Trainer

FRAME = (4, 4, 1)


class Normalised(RecurrentCore):
    """A convolution, batch normalisation and dropout; it wants its prediction near 1."""

    def build(self, frame_shape):
        self.decoder = keras.layers.Conv2D(1, 1, name="decoder")
        self.norm = keras.layers.BatchNormalization(name="norm")
        self.drop = keras.layers.Dropout(0.5, seed=0)
        for layer in (self.decoder, self.norm, self.drop):
            layer.build(frame_shape)
        self.built = True

    def initial_state(self, batch_size, frame_shape):
        return ops.zeros((batch_size, 1))

    def call(self, frame, state):
        return self.drop(self.norm(self.decoder(frame))), state

    def rollout_with_auxiliary(self, state, frames, mask, feedback):
        def step(frame, state):
            prediction, state = self.call(frame, state)
            return (prediction, ops.mean(ops.square(prediction - 1), axis=(1, 2, 3))), state

        predictions, distance = rollout_measured(step, state, frames, mask, feedback)
        return predictions, {"distance": ops.sum(distance, axis=1)}


def batch(horizon: int = 2, frames: int = 4) -> dict:
    clips = np.random.default_rng(0).random((3, frames, *FRAME)).astype("float32")
    return {"frames": clips, "teacher_forcing_mask": np.ones((3, horizon - 1), "float32")}


def trainer_of(network: VideoPredictor, weight: float) -> Trainer:
    loss = with_auxiliary(absolute_square_loss(0.0, 1.0), weight)
    trainer = Trainer(network, horizon=2, loss=loss, average_decay=0.9)
    trainer.compile(optimizer=keras.optimizers.SGD(0.0))
    return trainer


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_statistics_move_and_dropout_drops_with_an_auxiliary_loss_too(weight):
    network = RecurrentPredictor(Normalised(name="core"), FRAME)
    trainer, norm = trainer_of(network, weight), network.core.norm
    norm.beta.assign([3.0])
    trainer.train_step({k: ops.convert_to_tensor(v) for k, v in batch().items()})
    assert abs(float(norm.moving_mean[0])) > 1e-4
    outputs = network.training_outputs(batch(), 2, auxiliary=weight > 0)
    zeros = float(np.mean(ops.convert_to_numpy(outputs.predictions) == 0))
    assert 0.2 < zeros < 0.8
    still = network.training_outputs(batch(), 2, auxiliary=weight > 0, training=False)
    assert not np.any(ops.convert_to_numpy(still.predictions) == 0)


def test_the_auxiliary_losses_are_summed_over_clips():
    network = RecurrentPredictor(Normalised(name="core"), FRAME)
    trainer = trainer_of(network, 2.0)
    outputs = network.training_outputs(batch(), 2, auxiliary=True, training=False)
    assert list(outputs.auxiliary) == ["distance"]
    network.core.drop.rate = 0.0
    loss, parts = trainer.measure(batch())
    l1, l2, distance, clips = np.asarray(parts)
    assert clips == 3
    assert float(loss) == pytest.approx(float(l2 + 2.0 * distance), rel=1e-5)
    assert l1 > 0


# --- traits are read by the configuration's checks ---


@pytest.mark.parametrize("config", ["conv_lstm_skip", "conv_lstm_shi", "fc_lstm", "simple_lstm"])
def test_reverse_sampling_is_refused_wherever_the_context_gives_no_predictions(config):
    with pytest.raises(ConfigError, match=r"kind: reverse feeds predictions in the context, and"):
        load_config(config, overrides=["training.scheduled_sampling={kind: reverse}"])


def test_a_mask_of_another_width_than_the_horizon_is_refused_by_the_network():
    small = ["model.hidden=[4]", "data.frame_px=[8, 8]", "data.digit_px=4"]
    network = build_model(load_config("fc_lstm", overrides=small))
    clips = np.zeros((1, 10, 8, 8, 1), "float32")
    wrong = {"frames": clips, "teacher_forcing_mask": np.zeros((1, 8), "float32")}
    with pytest.raises(ValueError, match=r"expected the 4 frames before the last of 5 .* got 8"):
        network.training_outputs(wrong, 5)


@pytest.mark.parametrize("config", ["simple_lstm", "conv_lstm_stack"])
def test_a_file_of_a_program_that_the_network_has_not_is_refused_in_a_line(config, tmp_path):
    small = {
        "simple_lstm": ("model.encoder=[6]", "model.decoder=[6]"),
        "conv_lstm_stack": ("model.hidden=[2]",),
    }[config]
    experiment = tiny.of(config, tmp_path, *small)
    trainer = build_trainer(experiment, Devices(experiment))
    for name, program in (
        ("model.ckpt-1.index", "TF1"),
        ("w.hdf5", "Keras 2"),
        ("w.pt", "PyTorch"),
    ):
        source = str(tmp_path / name)
        with pytest.raises(WeightsError, match=f"no {program} program is known for this network"):
            initialise(trainer, InitConfig(source=source))


# --- clip to clip ---


class Add(ClipCore):
    """Every frame plus 1."""

    def build(self, frame_shape):
        assert frame_shape == (None, 3, *FRAME)
        self.decoder = keras.layers.Conv2D(1, 1)
        self.decoder.build((None, *FRAME))
        self.built = True

    def call(self, frames):
        return frames + 1.0


def test_a_clip_network_feeds_its_outputs_back_beyond_its_length():
    network = ClipPredictor(Add(3), FRAME)
    context = np.broadcast_to(np.arange(3.0).reshape(1, 3, 1, 1, 1), (2, 3, *FRAME)).astype(
        "float32"
    )
    for horizon, expected in ((2, [1, 2]), (3, [1, 2, 3]), (7, [1, 2, 3, 2, 3, 4, 3])):
        found = ops.convert_to_numpy(network.predict_frames(context, horizon))
        assert found.shape == (2, horizon, *FRAME)
        assert found[0, :, 0, 0, 0].tolist() == expected
    ahead = ops.convert_to_numpy(network.predict_next(np.concatenate([context] * 2, axis=1), 3))
    assert ahead[0, :, 0, 0, 0].tolist() == [1, 2, 3, 1]  # of frames 1-3, 2-4, 3-5, 4-6


def test_a_clip_network_refuses_a_context_of_another_length():
    network = ClipPredictor(Add(3), FRAME)
    assert network.context_frames == 3
    with pytest.raises(ValueError, match=r"T=3.*got \(1, 4, 4, 4, 1\).*built for 3 context frames"):
        network.predict_frames(np.zeros((1, 4, *FRAME), "float32"), 1)
    clips = {"frames": np.zeros((1, 5, *FRAME)), "teacher_forcing_mask": np.zeros((1, 1))}
    outputs = network.training_outputs(clips, 2)
    assert outputs.predictions.shape == outputs.targets.shape == (1, 2, *FRAME)
