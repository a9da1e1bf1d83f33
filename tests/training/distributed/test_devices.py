"""How many clips at once a device trains on, where the configuration leaves it open."""

import tensorflow as tf

from tfvp.config.loading import load_config
from tfvp.models.registry import MODELS, info
from tfvp.training.distributed.devices import Devices


def clips(config: str, *changes: str) -> int:
    return Devices(load_config(config, overrides=changes)).micro_batch


def test_a_cpu_trains_on_as_many_clips_at_once_as_the_network_says():
    assert clips("e3d_residual") == load_config("e3d_residual").model.clips_at_once == 2
    assert clips("simple_lstm") == load_config("simple_lstm").model.clips_at_once == 16


def test_of_larger_clips_fewer_and_of_smaller_ones_more():
    """Four times the pixels: a quarter; an eighth of them: eight times as many; never under two."""
    assert clips("simple_lstm", "data.frame_px=[128, 128]") == 4
    assert clips("e3d_residual", "data.frame_px=[128, 128]") == 2
    smaller = ("data.frame_px=[32, 32]", "data.context_frames=5", "data.predict_frames=5")
    assert clips("e3d_residual", *smaller, "training.global_batch=64") == 16


def test_of_smaller_patches_fewer():
    """Feist's ConvLSTM stack works on single pixels, OpenSTL's on patches of 4x4 of them."""
    assert clips("conv_lstm_openstl") == 8
    assert clips("conv_lstm_stack") == 2


def test_what_is_at_once_divides_the_batch():
    assert clips("simple_lstm", "training.global_batch=24") == 12
    assert clips("simple_lstm", "training.global_batch=7") == 7
    assert clips("e3d_residual", "training.global_batch=7") == 1


def test_a_given_number_is_taken_and_a_gpu_takes_all(monkeypatch):
    assert clips("simple_lstm", "training.micro_batch=4") == 4
    found = {"GPU": ["one"], "CPU": ["one"]}
    monkeypatch.setattr(tf.config, "list_logical_devices", found.__getitem__)
    assert clips("e3d_residual") == 16


def test_a_network_with_statistics_of_the_batch_keeps_the_default():
    """Its configuration must say the whole batch, which no choice of ours may cut."""
    for section in (info(name).section() for name in MODELS):
        if section.batch_statistics:
            assert section.clips_at_once == 2
