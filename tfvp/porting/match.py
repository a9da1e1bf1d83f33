"""Checks that a file holds what a network expects, and says in one line where it does not."""

from collections.abc import Mapping

from tfvp.errors import WeightsError
from tfvp.shapes import describe

Shape = tuple[int, ...]


def check_fit(
    where: str, found: Mapping[str, Shape], expected: Mapping[str, Shape], decided_by: str
) -> None:
    """Compare names and shapes before anything is read.

    Args:
        where: the file's name.
        found: name -> shape, of the network's weights in the file and of nothing else.
        expected: name -> shape, as the network makes them.
        decided_by: the configuration keys that decide the shapes.

    Raises:
        WeightsError: a weight is missing, left over, or has another shape; says how many.
    """
    problems = [f"has no {name}" for name in expected if name not in found]
    problems += [f"has {name}, which the network has not" for name in found if name not in expected]
    problems += [
        f"{name} has the shape {describe(found[name])}, the configuration makes {describe(shape)}"
        for name, shape in expected.items()
        if name in found and tuple(found[name]) != tuple(shape)
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise WeightsError(f"{where}: {problems[0]}{more}; decided by {decided_by}")
