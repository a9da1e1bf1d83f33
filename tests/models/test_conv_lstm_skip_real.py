"""Published weights of the ConvLSTM with skips, on genuine Moving MNIST and on our own clips."""

import os
from pathlib import Path

import numpy as np
import pytest

from tfvp.cli.main import main
from tfvp.config.loading import load_config
from tfvp.data.moving_mnist import dataset as moving_mnist
from tfvp.data.moving_mnist.config import MovingMnistData
from tfvp.data.moving_mnist.digits import find_digits
from tfvp.evaluation.metrics import mse
from tfvp.models.build import build_model
from tfvp.training.checkpoints import read_state
from tfvp.training.initialise import load_weights

pytestmark = pytest.mark.realdata

PUBLISHED = 1927 / 255**2 * 64**2  # 121.4 a frame; the program's frames are 0 to 255


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The released file as `tfvp import` reads it."""
    out = tmp_path_factory.mktemp("skip") / "skip.npz"
    source = Path(os.environ["TFVP_DATA"]) / "weights" / "silver0x10_convlstm_skip.pt"
    assert main(["import", str(source), "--config", "conv_lstm_skip", "--out", str(out)]) == 0
    predictor = build_model(load_config("conv_lstm_skip"))
    load_weights(predictor, read_state(out))
    return predictor


def errors(predictor, clips):
    """Squared error a frame of the network and of copy-last-frame, on clips (N, 20, 64, 64, 1)."""
    clips = clips.astype("float32") / 255
    context, truth = clips[:, :10], clips[:, 10:]
    found = np.concatenate(
        [np.asarray(predictor.predict_frames(some, 10)) for some in np.array_split(context, 6)]
    )
    copied = np.repeat(context[:, -1:], 10, axis=1)
    network, copy = (np.asarray(mse(truth, each)) for each in (found, copied))
    by_frame = " ".join(f"{value:.1f}" for value in network.mean(axis=0))
    print(f"{len(clips)} clips: {network.mean():.2f} ({by_frame}), copy-last {copy.mean():.2f}")
    return network.mean(axis=1), copy.mean(axis=1)


def test_on_six_genuine_sequences(imported):
    name = "toronto_test_subset_6seq.npy"
    frames = np.load(Path(os.environ["TFVP_DATA"]) / "moving_mnist" / name, allow_pickle=False)
    network, copy = errors(imported, np.swapaxes(frames, 0, 1)[..., None])
    assert copy.mean() == pytest.approx(267.4, abs=0.1)
    # what the program's own network gives for them in PyTorch, 2.13
    assert network.mean() == pytest.approx(119.87, abs=0.02)


def test_on_clips_of_our_generator(imported):
    """Near the published number, whose test clips were others, within four standard errors."""
    made = moving_mnist.clips(MovingMnistData(), find_digits("mnist", None, print), "test", 1_000)
    number = int(os.environ.get("TFVP_CLIPS", "36"))
    network, copy = errors(imported, np.stack([made[i] for i in range(number)]))
    standard_error = network.std() / np.sqrt(number)
    print(f"standard error {standard_error:.2f}, published {PUBLISHED:.1f}")
    assert abs(network.mean() - PUBLISHED) < 4 * standard_error
    assert network.mean() < copy.mean() / 2
