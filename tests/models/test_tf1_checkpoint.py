"""Checkpoints of the TF1 program: its own, and ones that TF1's graph naming makes here."""

import json
import shutil

import numpy as np
import pytest

from tfvp.errors import WeightsError
from tfvp.models.e3d_lstm.tf1_checkpoint import DECODER, TF1Checkpoint, released_names


@pytest.fixture(scope="session")
def golden(goldens):
    with np.load(goldens / "e3d_lstm_from_checkpoint.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def prefix(goldens):
    return goldens / "tf1_checkpoint" / "model.ckpt-80000"


@pytest.fixture(scope="session")
def expected(golden):
    """Shapes of the golden network's variables, as our network would give them."""
    return {name[4:]: value.shape for name, value in golden.items() if name.startswith("var/")}


def copied(prefix, folder):
    for suffix in (".index", ".data-00000-of-00001"):
        shutil.copy(f"{prefix}{suffix}", folder / f"{prefix.name}{suffix}")
    return folder / prefix.name


# --- the original program's file ---


def test_names_are_the_programs_in_its_order_of_creation(golden):
    assert released_names(4) == json.loads(str(golden["meta"]))["trainable"]
    assert len(released_names(4)) == 82


def test_the_golden_has_before_and_after_and_the_checkpoint_is_after(golden, prefix, expected):
    checkpoint = TF1Checkpoint(prefix)
    weights, averages = checkpoint.weights(expected), checkpoint.averaged_weights(expected)
    assert list(weights) == list(averages) == list(expected)
    after = [name for name in golden if name.startswith("train/var/")]
    assert len(after) == 5
    for name in after:
        released = name.removeprefix("train/var/")
        np.testing.assert_array_equal(weights[released], golden[name])
        np.testing.assert_array_equal(averages[released], golden[f"train/ema/{released}"])
        assert np.abs(weights[released] - golden[f"var/{released}"]).max() > 1e-3
        assert np.abs(weights[released] - averages[released]).max() > 1e-3


def test_the_released_slots_are_those_of_a_start(prefix, expected):
    state = TF1Checkpoint(prefix).optimizer_state(expected)
    assert state.steps_done == 0
    for moments in (state.first_moments, state.second_moments):
        assert {name: value.shape for name, value in moments.items()} == expected
        assert not any(value.any() for value in moments.values())


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001", ".meta"])
def test_the_name_of_one_of_the_files_does(prefix, expected, suffix):
    name = DECODER[1]
    direct = TF1Checkpoint(prefix).weights(expected)[name]
    np.testing.assert_array_equal(
        TF1Checkpoint(f"{prefix}{suffix}").weights(expected)[name], direct
    )


# --- a checkpoint as TF1's graph names things, with every tensor different ---

# Layers 2, hidden 2, kernel (1, 1, 1), 3 values in a patch.
SMALL = {
    name: shape
    for layer, width in ((0, 3), (1, 2))
    for name, shape in zip(
        released_names(2)[20 * layer : 20 * layer + 20],
        [
            *[(1, 1, 1, 2, 8), (8,), (8,), (8,)],
            *[(1, 1, 1, width, 14), (14,), (14,), (14,), (2,), (2,)],
            *[(1, 1, 1, 2, 8), (8,), (8,), (8,)],
            *[(1, 1, 1, 2, 2), (2,), (1, 1, 1, 2, 2), (2,), (1, 1, 1, 4, 2), (2,)],
        ],
        strict=True,
    )
} | {DECODER[0]: (2, 1, 1, 2, 3), DECODER[1]: (3,)}


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Write SMALL with the program's optimizer after 7 updates; returns (prefix, tensors)."""
    import tensorflow as tf

    v1 = tf.compat.v1

    def write(*, frozen: bool):
        rng = np.random.default_rng(1)
        tensors = {"step": 8.0}

        def fill(kind, name, shape):
            tensors[kind, name] = rng.normal(size=shape).astype(np.float32)
            return tensors[kind, name]

        with tf.Graph().as_default(), v1.Session() as session:
            for name, shape in SMALL.items():
                v1.get_variable(name, initializer=fill("weight", name, shape))
            weights = list(v1.global_variables())
            trained = weights[: -len(DECODER)] if frozen else weights
            # The program's Adam: t, then for each weight mom2 and mom1, none of them with a name.
            v1.Variable(8.0)
            for weight in trained:
                v1.Variable(fill("second", weight.op.name, weight.shape))
                v1.Variable(fill("first", weight.op.name, weight.shape))
            averages = v1.train.ExponentialMovingAverage(0.9995)
            averages.apply(trained)
            session.run(v1.global_variables_initializer())
            for weight in trained:
                name = weight.op.name
                average = averages.average(weight)
                average.load(fill("average", name, weight.shape), session)
            folder = tmp_path_factory.mktemp("tf1")
            prefix = v1.train.Saver().save(session, str(folder / "model.ckpt"), 7)
        return prefix, tensors

    return {frozen: write(frozen=frozen) for frozen in (False, True)}


def test_slots_by_the_numbers_that_tf1_gives(written):
    prefix, tensors = written[False]
    checkpoint = TF1Checkpoint(prefix)
    backwards = dict(reversed(SMALL.items()))  # our order of variables does not matter
    state = checkpoint.optimizer_state(backwards)
    assert state.steps_done == 7
    weights, averages = checkpoint.weights(backwards), checkpoint.averaged_weights(backwards)
    for name in SMALL:
        np.testing.assert_array_equal(weights[name], tensors["weight", name])
        np.testing.assert_array_equal(averages[name], tensors["average", name])
        np.testing.assert_array_equal(state.first_moments[name], tensors["first", name])
        np.testing.assert_array_equal(state.second_moments[name], tensors["second", name])


def test_a_checkpoint_with_a_frozen_decoder(written):
    prefix, tensors = written[True]
    checkpoint = TF1Checkpoint(prefix)
    assert checkpoint.decoder_was_frozen
    averages = checkpoint.averaged_weights(SMALL)
    trained = {name: shape for name, shape in SMALL.items() if name not in DECODER}
    state = checkpoint.optimizer_state(trained)
    for name in trained:
        np.testing.assert_array_equal(averages[name], tensors["average", name])
        np.testing.assert_array_equal(state.second_moments[name], tensors["second", name])
        np.testing.assert_array_equal(state.first_moments[name], tensors["first", name])
    for name in DECODER:
        np.testing.assert_array_equal(averages[name], tensors["weight", name])
    with pytest.raises(WeightsError, match=r"frozen decoder.*training\.freeze_decoder: true"):
        checkpoint.optimizer_state(SMALL)


def test_a_decoder_that_is_to_be_frozen_takes_the_rest_of_a_full_state(written):
    prefix, tensors = written[False]
    trained = {name: shape for name, shape in SMALL.items() if name not in DECODER}
    state = TF1Checkpoint(prefix).optimizer_state(trained)
    assert set(state.first_moments) == set(trained)
    name = released_names(2)[-3]
    np.testing.assert_array_equal(state.first_moments[name], tensors["first", name])


# --- what does not fit, in words ---


def test_a_shape_that_does_not_fit_names_the_variable_both_shapes_and_the_keys(prefix, expected):
    checkpoint = TF1Checkpoint(prefix)
    scope = "generator/e3d-lstm/"
    made = "the checkpoint was made with model.hidden [3, 3, 3, 3], model.cell.kernel [2, 5, 5]"
    cases = {
        "e3d0/conv3d/kernel": "model.hidden, model.cell.kernel;",
        "e3d0/conv3d_1/kernel": "model.hidden, model.cell.kernel, model.patch_px, the frame's",
        "e3d2/conv3d_1/kernel": "model.hidden, model.cell.kernel, model.wiring;",
        "e3d1/conv3d_5/kernel": "model.hidden;",
        "e3d3/self_attn/gamma": "model.hidden;",
        "conv3d/kernel": "model.hidden, model.wiring, model.patch_px, the frame's channels;",
    }
    for name, keys in cases.items():
        ours = (*expected[scope + name][:-1], 99)
        with pytest.raises(WeightsError) as caught:
            checkpoint.weights(expected | {scope + name: ours})
        message = str(caught.value)
        theirs = ", ".join(map(str, expected[scope + name]))
        assert f"model.ckpt-80000: {scope}{name} has the shape ({theirs})" in message
        assert (
            f"the configuration makes ({', '.join(map(str, ours))}); decided by {keys}" in message
        )
        assert made in message
        assert "\n" not in message
    wrong = {name: (*shape, 1) for name, shape in expected.items()}
    with pytest.raises(WeightsError, match=r"\(and 81 more\)"):
        checkpoint.weights(wrong)
    with pytest.raises(WeightsError, match=r"Variable_1, for .*e3d0/conv3d/kernel, has the shape"):
        checkpoint.optimizer_state(wrong)


def test_other_numbers_of_layers_are_refused_though_every_variable_fits(prefix, expected):
    fewer = {name: shape for name, shape in expected.items() if not name.startswith(SECOND_HALF)}
    for ask in ("weights", "averaged_weights", "optimizer_state"):
        with pytest.raises(WeightsError, match=r"has 4 layers, the configuration 2.*model\.hidden"):
            getattr(TF1Checkpoint(prefix), ask)(fewer)


SECOND_HALF = ("generator/e3d-lstm/e3d2", "generator/e3d-lstm/e3d3")


def test_a_missing_variable_is_named(prefix, expected):
    with pytest.raises(
        WeightsError, match="has no variable generator/e3d-lstm/e3d0/new_cell/gamma"
    ):
        TF1Checkpoint(prefix).weights(expected | {"generator/e3d-lstm/e3d0/new_cell/gamma": (3,)})


def saved(folder, tensors):
    """A checkpoint with these tensors."""
    import tensorflow as tf

    prefix = str(folder / "made.ckpt")
    names = list(tensors)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.convert_to_tensor(tensors[name]) for name in names],
    )
    return prefix


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (None, r"no optimizer step \(a number named Variable\)"),
        ([1.0], r"no optimizer step \(a number named Variable\)"),
        (0.0, "Variable should be the number of the next update, 1 or more, got 0"),
        (1.5, "Variable should be the number of the next update, 1 or more, got 1.5"),
        (float("nan"), "Variable holds values that are not finite"),
    ],
)
def test_a_step_that_is_none(tmp_path, step, said):
    tensors = {name: np.zeros(shape, np.float32) for name, shape in SMALL.items()}
    for k, shape in enumerate(SMALL.values()):
        for slot in (2 * k + 1, 2 * k + 2):
            tensors[f"Variable_{slot}"] = np.zeros(shape, np.float32)
    if step is not None:
        tensors["Variable"] = np.float32(step)
    with pytest.raises(WeightsError, match=said):
        TF1Checkpoint(saved(tmp_path, tensors)).optimizer_state(SMALL)


def test_weights_without_optimizer_or_averages_say_so(tmp_path):
    tensors = {name: np.zeros(shape, np.float32) for name, shape in SMALL.items()}
    checkpoint = TF1Checkpoint(saved(tmp_path, tensors))
    assert set(checkpoint.weights(SMALL)) == set(SMALL)
    with pytest.raises(WeightsError, match=r"no variable .*/ExponentialMovingAverage, for "):
        checkpoint.averaged_weights(SMALL)
    with pytest.raises(WeightsError, match="has no variable Variable_1, for "):
        checkpoint.optimizer_state(SMALL)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    tensors = {name: np.zeros(shape, np.float32) for name, shape in SMALL.items()}
    tensors[DECODER[1]][1] = np.nan
    with pytest.raises(WeightsError, match="conv3d/bias holds values that are not finite"):
        TF1Checkpoint(saved(tmp_path, tensors)).weights(SMALL)


def test_files_that_are_missing_or_something_else(prefix, goldens, tmp_path):
    with pytest.raises(
        WeightsError, match=r"model\.ckpt-1\.index does not exist; expected the prefix"
    ):
        TF1Checkpoint(tmp_path / "model.ckpt-1")
    with pytest.raises(WeightsError, match=r"is a folder; .* there are: .*model\.ckpt-80000"):
        TF1Checkpoint(prefix.parent)
    with pytest.raises(WeightsError, match=r"is a folder; .* there is none in it"):
        TF1Checkpoint(tmp_path)
    with pytest.raises(WeightsError, match="not of the E3D-LSTM program: it has no variable"):
        TF1Checkpoint(goldens / "tf1_checkpoint" / "predrnn_pp.ckpt-80000")
    (tmp_path / "text.index").write_text("not a checkpoint" * 10)
    (tmp_path / "text.data-00000-of-00001").write_text("")
    with pytest.raises(WeightsError, match="text is not a TF1 checkpoint: "):
        TF1Checkpoint(tmp_path / "text")


def test_data_that_is_missing_or_cut_short(prefix, expected, tmp_path):
    copy = copied(prefix, tmp_path)
    data = copy.with_name(f"{copy.name}.data-00000-of-00001")
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"model.ckpt-80000: generator/e3d-lstm/"):
        TF1Checkpoint(copy).weights(expected)
    data.unlink()
    with pytest.raises(WeightsError, match=r"data-00000-of-00001 does not exist, but model"):
        TF1Checkpoint(copy)
    data.with_name(f"{copy.name}.data-00001-of-00002").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"data-00000-of-00002 does not exist, but model"):
        TF1Checkpoint(copy)
