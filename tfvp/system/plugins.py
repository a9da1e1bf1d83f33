"""Finds what other installed packages add to tfvp through entry points."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple


class Plugins(NamedTuple):
    """The packages found, by name, and the names that cannot be used, with the reason."""

    packages: dict[str, str]
    unusable: dict[str, str]


def find_plugins(group: str, ours: dict[str, str]) -> Plugins:
    """Return our packages and those of installed entry points.

    A package that cannot be imported or whose name is taken is no error here: it is listed as
    unusable, and the message for a configuration that names it says why.

    Args:
        group: the entry points' group, e.g. "tfvp.models"; the name of an entry point is what
            configurations say, its value a package.
        ours: the packages that come with tfvp, by name; no other package can replace one.
    """
    found = Plugins(dict(ours), {})
    for point in entry_points(group=group):
        reason = _reason_against(point.name, point.value, found.packages)
        if reason:
            found.unusable[point.name] = reason
        else:
            found.packages[point.name] = point.value
    return found


def _reason_against(name: str, package: str, taken: dict[str, str]) -> str:
    """Return why a package cannot be used under a name; empty if it can."""
    if taken.get(name, package) != package:
        return f"{package} cannot have the name {name!r}, which is {taken[name]}'s"
    try:
        import_module(package)
    except Exception as error:  # whatever a package does when it is imported
        return f"{package} cannot be imported: {type(error).__name__}: {error}"
    return ""
