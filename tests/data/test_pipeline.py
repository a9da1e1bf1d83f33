"""Training sees the same batches through NumPy and tf.data; evaluation sees every clip once."""

import numpy as np
import pytest
import tensorflow as tf

from tfvp.data import order, pipeline
from tfvp.data.pipeline import TrainingBatches
from tfvp.errors import DataError


class Numbered:
    """Clip i is filled with i (mod 256); i may be set to fail."""

    shape = (5, 2, 3, 1)

    def __init__(self, count: int | None, fails: int = -1):
        self.count = count
        self.fails = fails

    def __getitem__(self, index: int) -> np.ndarray:
        if index == self.fails:
            raise DataError(f"/data/x.tfrecord: record {index} is damaged: flipped; prepare again")
        return np.full(self.shape, index % 256, np.uint8)

    def source(self, index: int) -> str:
        return str(index)


class Timed(Numbered):
    """Frame t of clip i is filled with 10 i + t."""

    def __init__(self):
        super().__init__(10)

    def __getitem__(self, index: int) -> np.ndarray:
        time = np.arange(self.shape[0], dtype=np.uint8)
        return np.full(self.shape, 10 * index, np.uint8) + time[:, None, None, None]


def settings(**changes):
    half = {"batch": 4, "seed": 3, "sampling": lambda step: [0.5, 0.5]}
    return {**half, **changes}


def taken(dataset: tf.data.Dataset, count: int) -> list[dict[str, np.ndarray]]:
    return list(dataset.take(count).as_numpy_iterator())


def assert_equal_batches(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one["frames"], other["frames"])
        np.testing.assert_array_equal(one["teacher_forcing_mask"], other["teacher_forcing_mask"])


def test_batches_follow_order_and_mask():
    batches = TrainingBatches(Numbered(10), **settings()).in_numpy()
    for step, batch in zip(range(1, 6), batches, strict=False):
        expected = order.batch_indices(3, step, 4, 10)
        assert np.rint(batch["frames"][:, 0, 0, 0, 0] * 255).tolist() == expected.tolist()
        np.testing.assert_array_equal(
            batch["teacher_forcing_mask"], order.teacher_forcing_mask(3, step, range(4), 2, 0.5)
        )
        assert batch["frames"].shape == (4, 5, 2, 3, 1)
        assert batch["frames"].dtype == batch["teacher_forcing_mask"].dtype == np.float32


@pytest.mark.parametrize("count", [10, 3, None])
def test_tf_data_gives_the_same_batches(count):
    dataset = TrainingBatches(Numbered(count), **settings()).as_dataset()
    expected = TrainingBatches(Numbered(count), **settings()).in_numpy()
    assert_equal_batches(taken(dataset, 8), [next(expected) for _ in range(8)])
    assert dataset.element_spec["frames"].shape == (4, 5, 2, 3, 1)
    assert dataset.element_spec["teacher_forcing_mask"].shape == (4, 2)


def test_a_resumed_run_sees_what_the_uninterrupted_one_saw():
    whole = taken(TrainingBatches(Numbered(10), **settings()).as_dataset(), 9)
    resumed = taken(TrainingBatches(Numbered(10), **settings()).as_dataset(6), 4)
    assert_equal_batches(whole[5:], resumed)


def test_the_probability_is_that_of_the_step():
    first_two = settings(sampling=lambda step: [1.0, 1.0] if step <= 2 else [0.0, 0.0])
    batches = taken(TrainingBatches(Numbered(10), **first_two).as_dataset(), 4)
    assert [batch["teacher_forcing_mask"].mean() for batch in batches] == [1, 1, 0, 0]


def test_every_frame_has_its_probability():
    first_alone = settings(sampling=lambda step: [1.0, 0.0, 0.0])
    batch = next(TrainingBatches(Numbered(10), **first_alone).in_numpy())
    assert batch["teacher_forcing_mask"].tolist() == [[1, 0, 0]] * 4


def test_an_exact_share_is_the_same_by_rows_in_numpy_and_after_a_stop():
    exact = settings(exact_share=True)
    whole = taken(TrainingBatches(Numbered(10), **exact).as_dataset(), 6)
    assert all((b["teacher_forcing_mask"].sum(axis=0) == 2).all() for b in whole)
    in_numpy = TrainingBatches(Numbered(10), **exact).in_numpy()
    assert_equal_batches(whole, [next(in_numpy) for _ in range(6)])
    rows = TrainingBatches(Numbered(10), **exact, rows=range(1, 3)).as_dataset(4)
    cut = [{name: x[1:3] for name, x in batch.items()} for batch in whole[3:]]
    assert_equal_batches(taken(rows, 3), cut)


@pytest.mark.parametrize("start_step", [1, 3])
def test_every_batch_comes_again_reversed_in_time_with_its_mask(start_step):
    plain = TrainingBatches(Timed(), **settings()).in_numpy(start_step)
    twice = settings(reverse_input=True)
    batches = taken(TrainingBatches(Timed(), **twice).as_dataset(start_step), 6)
    for forward, backward in zip(batches[::2], batches[1::2], strict=True):
        assert_equal_batches([forward], [next(plain)])
        np.testing.assert_array_equal(backward["frames"], forward["frames"][:, ::-1])
        np.testing.assert_array_equal(
            backward["teacher_forcing_mask"], forward["teacher_forcing_mask"]
        )
    in_numpy = TrainingBatches(Timed(), **twice).in_numpy(start_step)
    assert_equal_batches(batches, [next(in_numpy) for _ in range(6)])


@pytest.mark.parametrize("reverse_input", [False, True])
def test_rows_of_a_batch_are_those_of_the_whole(reverse_input):
    whole = TrainingBatches(Numbered(10), **settings(), reverse_input=reverse_input).in_numpy()
    rows = settings(rows=range(1, 3), reverse_input=reverse_input)
    batches = taken(TrainingBatches(Numbered(10), **rows).as_dataset(), 6)
    in_numpy = TrainingBatches(Numbered(10), **rows).in_numpy()
    assert_equal_batches(batches, [next(in_numpy) for _ in range(6)])
    assert_equal_batches(
        batches, [{name: x[1:3] for name, x in next(whole).items()} for _ in range(6)]
    )


def test_every_value_of_a_byte_becomes_its_share_of_255():
    got = pipeline.to_float(np.arange(256, dtype=np.uint8))
    assert got.tolist() == [np.float32(value / 255) for value in range(256)]


def test_one_predicted_frame_needs_no_mask():
    no_frame = settings(sampling=lambda step: [])
    batch = next(TrainingBatches(Numbered(10), **no_frame).in_numpy())
    assert batch["teacher_forcing_mask"].shape == (4, 0)


# --- evaluation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "sizes"), [(None, [4, 4, 2]), (10, [4, 4, 2]), (5, [4, 1]), (4, [4])]
)
def test_evaluation_sees_the_first_clips_once_in_order(count, sizes):
    batches = list(pipeline.evaluation_batches(Numbered(10), batch=4, count=count))
    plain = list(pipeline.numpy_evaluation_batches(Numbered(10), batch=4, count=count))
    assert [len(batch) for batch in batches] == sizes
    np.testing.assert_array_equal(np.concatenate(batches), np.concatenate(plain))
    seen = np.rint(np.concatenate(batches)[:, 0, 0, 0, 0] * 255)
    assert seen.tolist() == list(range(count or 10))


def test_more_clips_than_there_are():
    with pytest.raises(DataError, match="wants 11 clips and the split has 10"):
        pipeline.evaluation_batches(Numbered(10), batch=4, count=11)


# --- damage on the way ---------------------------------------------------------------------------


def test_a_damaged_record_comes_out_as_one_line():
    line = "/data/x.tfrecord: record 6 is damaged: flipped; prepare again"
    with pytest.raises(DataError) as caught, pipeline.data_errors():
        list(pipeline.evaluation_batches(Numbered(10, fails=6), batch=4))
    assert str(caught.value) == line
    with pytest.raises(DataError) as caught, pipeline.data_errors():
        taken(TrainingBatches(Numbered(10, fails=6), **settings()).as_dataset(), 9)
    assert str(caught.value) == line


def test_other_errors_of_tensorflow_stay_what_they_are():
    with pytest.raises(tf.errors.InvalidArgumentError), pipeline.data_errors():
        tf.ensure_shape(tf.zeros(2), (3,))
