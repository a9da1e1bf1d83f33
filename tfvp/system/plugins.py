"""Finds what other installed packages add to tfvp through entry points."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple


class Plugins(NamedTuple):
    """The packages found, by name, and the names that cannot be used, with the reason."""

    packages: dict[str, str]
    unusable: dict[str, str]


def find_plugins(group: str, ours: dict[str, str], attribute: str | None = None) -> Plugins:
    """Return names and packages: ours, then those of installed entry points.

    A package that cannot be imported or whose name is taken is no error here: it is listed as
    unusable, and the message for a configuration that names it says why.

    Args:
        group: the entry points' group, e.g. "tfvp.models"; a point's name is what configurations
            say, its value a package.
        ours: those that come with tfvp; an outside package cannot replace one.
        attribute: what a package must have to be used, e.g. "SECTION".
    """
    found = Plugins(dict(ours), {})
    for point in entry_points(group=group):
        reason = _reason_against(point.name, point.value, found.packages, attribute)
        if reason:
            found.unusable[point.name] = reason
        else:
            found.packages[point.name] = point.value
    return found


def _reason_against(name: str, package: str, taken: dict[str, str], attribute: str | None) -> str:
    """Say why an outside package cannot be used under a name; empty where it can."""
    if taken.get(name, package) != package:
        return f"{package} cannot have the name {name!r}, which is {taken[name]}'s"
    try:
        module = import_module(package)
        if attribute:
            getattr(module, attribute)
    except Exception as error:  # whatever a package does when it is imported
        return f"{package} cannot be imported: {type(error).__name__}: {error}"
    return ""
