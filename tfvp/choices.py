"""The choice of a configuration's section by a name, e.g. of a network, a cell or an optimizer."""

from collections.abc import Mapping
from typing import Annotated, Any, Union

from pydantic import Discriminator, Tag

from tfvp.sections import Section


class _Chooser(Discriminator):
    """A Discriminator that can be hashed, as a union with None needs it."""

    __hash__ = object.__hash__


def one_of(
    key: str, sections: Mapping[str, type[Section]], unusable: Mapping[str, str] | None = None
) -> Any:
    """Return the type of a section that its `key` chooses among several, by default the first.

    `unusable` says of names that somebody may choose why they cannot be had.
    """
    arms = [Annotated[section, Tag(name)] for name, section in sections.items()]
    return Annotated[Union[tuple(arms)], chosen_by(key, *sections, unusable=unusable or {})]  # noqa: UP007, not written out


def chosen_by(key: str, *names: str, unusable: Mapping[str, str] | None = None) -> Discriminator:
    """Choose a section among several by its `key`; where it is not given, the first."""

    def chosen(value: Any) -> str:
        name = value.get(key, names[0]) if isinstance(value, Mapping) else getattr(value, key, None)
        return names[0] if name is None else str(name)

    listed = ", ".join(f"'{name}'" for name in names[:-1])
    expected = f"{listed} or '{names[-1]}'" if listed else f"'{names[0]}'"
    expected += "".join(f"; {name}: {reason}" for name, reason in (unusable or {}).items())
    return _Chooser(
        chosen,
        custom_error_type="unknown_kind",
        custom_error_message="Input should be {expected}",
        custom_error_context={"key": key, "expected": expected},
    )
