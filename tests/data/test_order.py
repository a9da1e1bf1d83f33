"""Order and masks depend on seed and counters alone; checked with published Philox values."""

import numpy as np
import pytest

from tfvp.data import order
from tfvp.errors import ConfigError

MASK = 2**64 - 1


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x64-10 written down from Salmon et al. 2011, with Python's integers."""
    for _ in range(10):
        a, b = counter[0] * 0xD2E7470EE14C6C93, counter[2] * 0xCA5A826395121157
        counter = [
            (b >> 64) ^ counter[1] ^ key[0],
            b & MASK,
            (a >> 64) ^ counter[3] ^ key[1],
            a & MASK,
        ]
        key = [(key[0] + 0x9E3779B97F4A7C15) & MASK, (key[1] + 0xBB67AE8584CAA73B) & MASK]
    return counter


def test_oracle_gives_the_known_answers_of_the_random123_distribution():
    assert philox([0] * 4, [0] * 2) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]
    assert philox([MASK] * 4, [MASK] * 2) == [
        0x87B092C3013FE90B,
        0x438C3C67BE8D0224,
        0x9CC7D7C69CD777B6,
        0xA09CAEBF594F0BA0,
    ]


def test_words_are_philox_of_purpose_and_counters():
    drawn = order.words(7, "teacher forcing mask", (2**63 + 1, 5), 8)
    key, counters = [7, order.PURPOSES["teacher forcing mask"]], (2**63 + 1, 5, 0)
    assert drawn.tolist() == philox([1, *counters], key) + philox([2, *counters], key)


def test_purposes_do_not_share_numbers():
    assert len(set(order.PURPOSES.values())) == len(order.PURPOSES)


def test_uniform_uses_the_upper_53_bits():
    drawn = order.uniform(3, "motion", (1,), 1000)
    assert drawn.tolist() == [
        (word >> 11) / 2**53 for word in order.words(3, "motion", (1,), 1000).tolist()
    ]
    assert drawn.min() >= 0
    assert drawn.max() < 1


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range(seed):
    with pytest.raises(ConfigError, match=r"expected 0 <= seed < 2\*\*64"):
        order.epoch_order(seed, 0, 3)


def test_epoch_order_is_a_permutation_of_its_own():
    orders = [order.epoch_order(s, e, 50).tolist() for s, e in ((0, 0), (0, 1), (1, 0))]
    assert all(sorted(one) == list(range(50)) for one in orders)
    assert len({tuple(one) for one in orders}) == 3
    with pytest.raises(ValueError, match="read-only"):
        order.epoch_order(0, 0, 50)[0] = 1


def test_epochs_run_on_without_a_dropped_clip():
    seen = np.concatenate([order.batch_indices(5, step, 4, 10) for step in range(1, 6)])
    assert seen.tolist() == [*order.epoch_order(5, 0, 10), *order.epoch_order(5, 1, 10)]


def test_a_batch_larger_than_the_set_spans_epochs():
    indices = order.batch_indices(0, 2, 7, 3)
    assert np.bincount(indices, minlength=3).min() >= 2
    assert len(indices) == 7


def test_an_endless_source_is_seen_clip_after_clip():
    assert order.batch_indices(9, 3, 4, None).tolist() == [8, 9, 10, 11]


def test_steps_are_counted_from_one():
    with pytest.raises(ValueError, match="counted from 1"):
        order.batch_indices(0, 0, 4, 10)


def test_masks_are_the_same_for_any_split_of_the_batch():
    whole = order.teacher_forcing_mask(1, 30, range(8), 9, 0.5)
    parts = [
        order.teacher_forcing_mask(1, 30, positions, 9, 0.5)
        for positions in ([0, 1, 2], [3], [4, 5, 6, 7])
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert whole.dtype == np.float32
    assert set(np.unique(whole)) == {0, 1}


def test_samples_steps_and_seeds_have_masks_of_their_own():
    masks = [
        order.teacher_forcing_mask(s, t, [p], 60, 0.5)
        for s, t, p in ((0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 1, 0))
    ]
    assert len({mask.tobytes() for mask in masks}) == 4


@pytest.mark.parametrize(("probability", "value"), [(-0.5, 0), (0.0, 0), (1.0, 1), (1.5, 1)])
def test_masks_at_the_ends(probability, value):
    assert (order.teacher_forcing_mask(0, 1, range(50), 19, probability) == value).all()


def test_the_smallest_draw_is_no_truth_at_probability_zero(monkeypatch):
    monkeypatch.setattr(order, "uniform", lambda *args: np.zeros(3))
    assert (order.teacher_forcing_mask(0, 1, [0], 3, 0.0) == 0).all()


def test_masks_follow_the_probability():
    share = order.teacher_forcing_mask(0, 1, range(1000), 9, 0.3).mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 9000)


# --- nothing but the arguments -------------------------------------------------------------------


def test_an_epochs_order_depends_on_seed_and_epoch_alone():
    """It is the order of Philox's words for (seed, epoch), whatever was drawn before or else."""
    key = [11, order.PURPOSES["clip order"]]
    drawn = [word for block in (1, 2, 3) for word in philox([block, 4, 0, 0], key)][:10]
    expected = sorted(range(10), key=lambda i: drawn[i])
    assert order.epoch_order(11, 4, 10).tolist() == expected
    for other in range(20):  # more than are cached
        order.epoch_order(11, other + 5, 10)
        order.teacher_forcing_mask(11, other + 1, [0], 3, 0.5)
        np.random.default_rng(other).random(3)
    assert order.epoch_order(11, 4, 10).tolist() == expected


def test_a_mask_depends_on_seed_step_and_sample_alone():
    key = [11, order.PURPOSES["teacher forcing mask"]]
    drawn = philox([1, 6, 2, 0], key) + philox([2, 6, 2, 0], key)
    expected = [float((word >> 11) / 2**53 < 0.5) for word in drawn[:5]]
    assert order.teacher_forcing_mask(11, 6, [0, 1, 2], 5, 0.5)[2].tolist() == expected
    order.teacher_forcing_mask(12, 9, range(7), 5, 0.1)
    assert order.teacher_forcing_mask(11, 6, [2], 5, 0.5)[0].tolist() == expected
