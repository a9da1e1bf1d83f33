"""The test sets of the robustness suite: how a network that learned moving digits fares elsewhere.

After Feist 2021, chapter 4: the original test set against one of our own making (his "research
set"), one to four digits, and glyphs that are no digits, one at a time beside one digit. A last
pair of cases compares free-running prediction with teacher forcing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tfvp.errors import ConfigError
from tfvp.evaluation.schema import History
from tfvp.evaluation.suites.schema import Case
from tfvp.sections import DataSection

ORIGINAL = {"test_file": "mnist_test_seq.npy", "digit_count": 2}
DIGIT_COUNTS = (1, 2, 3, 4)
GLYPHS = {
    "emnist": ("EMNIST letters", {"digits": "emnist_balanced", "without_digits": True}),
    "kmnist": ("KMNIST", {"digits": "kmnist"}),
    "omniglot": ("Omniglot", {"digits": "omniglot"}),
}
HISTORIES = {
    History.FREE_RUNNING: "Free-running",
    History.TEACHER_FORCED: "One step, true history",
}
NAMES = {"mnist": "MNIST", "sklearn": "scikit-learn's digits"}


class Plan(NamedTuple):
    """A case of the suite, its data, and the history that the network is given."""

    case: Case
    data: DataSection
    history: History


def robustness_plans(data: DataSection, digits: str, sequences: int | None) -> list[Plan]:
    """Plan the suite for a network that learned from `data`.

    Args:
        data: the run's data section; frame size, lengths, motion and seed are kept.
        digits: the source that its digits really came from (`digits_source`).
        sequences: the number of sequences of every test set; None: as many as the run's own test
            split has.

    Raises:
        ConfigError: the run's data are not moving digits.
    """
    if not data.has_varied_digits:
        raise ConfigError(
            f"--suite robustness varies moving digits, but this run's data are {data.dataset}; "
            "measure it on other data with --data FOLDER"
        )
    digits = digits if digits in {*NAMES, *(g["digits"] for _, g in GLYPHS.values())} else "mnist"
    own = data.model_dump()
    alone = {
        "digits": digits,
        "train_sequences": 0,
        "validation_sequences": 0,
        "test_sequences": sequences or own["test_sequences"],
        "train_source": "records",
        **dict.fromkeys(("train_file", "validation_file", "test_file")),
    }
    return [
        Plan(case, type(data).model_validate(own | alone | changes), history)
        for case, changes, history in _cases(NAMES.get(digits, digits), own["digit_count"])
    ]


def _cases(digits: str, count: int) -> Iterator[tuple[Case, dict, History]]:
    """Every case, the data settings that it changes, and its history, in the order of figures."""
    free = History.FREE_RUNNING
    yield Case(name="original", title="Original", subject="test set"), ORIGINAL, free
    yield Case(name="research", title="Research", subject="test set"), {"digit_count": 2}, free
    for number in DIGIT_COUNTS:
        title = f"{number} digit{'s' if number > 1 else ''}"
        case = Case(name=f"digits_{number}", title=title, subject="digits")
        yield case, {"digit_count": number}, free
    known = Case(name="glyphs_known", title=digits, subject="glyphs")
    yield known, {"digit_count": 1}, free
    for name, (title, changes) in GLYPHS.items():
        case = Case(name=f"glyphs_{name}", title=title, subject="glyphs")
        yield case, {"without_digits": False, "digit_count": 1, **changes}, free
    for history, title in HISTORIES.items():
        case = Case(name=f"history_{history}", title=title, subject="history")
        yield case, {"digit_count": count}, history
