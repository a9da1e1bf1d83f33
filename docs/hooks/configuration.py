"""The page of every key that a configuration may hold, from the sections' own descriptions."""

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from docstrings import escaped
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tfvp.config.experiment import Experiment
from tfvp.config.messages import CHOICES, sections_in

NAMES = {int: "whole number", float: "number", str: "text", bool: "true, false", type(None): "null"}
BOUNDS = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


def chapters() -> str:
    """Return a chapter for each section, and in it one for each of its kinds."""
    return "\n".join(["## The experiment\n", table(Experiment), *_below(Experiment, "", 2)])


def _below(section: type[BaseModel], prefix: str, level: int) -> Iterator[str]:
    """Write the sections inside a section; what a key chooses among stands together."""
    for name, field in section.model_fields.items():
        inner = sections_in(field.annotation)
        key = f"{prefix}{name}"
        if inner:
            yield f"\n{'#' * level} {key}\n"
        if len(inner) == 1:
            yield f"{_document(inner[0])}\n\n{table(inner[0])}"
            yield from _below(inner[0], f"{key}.", level + 1)
        elif key == "model":
            yield "Each network's keys stand on its page, see [Networks](../networks/index.md).\n"
        else:
            for each in inner:
                yield chosen(each, key, level + 1)


def chosen(section: type[BaseModel], key: str, level: int) -> str:
    """Write the chapter of one kind of a section."""
    choice = _choice(section)
    value = get_args(section.model_fields[choice].annotation)[0]
    head = f"\n{'#' * level} {key}.{choice}: {value}\n\n{_document(section)}\n"
    return "\n".join([head, table(section)])


def _choice(section: type[BaseModel]) -> str:
    """Return the key that chooses a section among several; empty where there is none."""
    fields = section.model_fields
    literal = [k for k in CHOICES if k in fields and get_origin(fields[k].annotation) is Literal]
    return literal[0] if literal else ""


def keys_of(section: type[BaseModel]) -> str:
    """Write the keys of a network's section, and of the sections inside it."""
    return "\n".join([table(section), *_below(section, "model.", 3)])


def table(section: type[BaseModel]) -> str:
    """Write the keys of a section: name, what is allowed, default and meaning."""
    lines = [
        f"| `{name}` | {_type(field)} | {_default(field)} | {escaped(field.description or '')} |"
        for name, field in section.model_fields.items()
        if name != _choice(section)
        and not (section is Experiment and sections_in(field.annotation))
    ]
    head = "| key | allowed | default | meaning |\n| --- | --- | --- | --- |"
    return "\n".join([head, *lines, ""]) if lines else "It has no keys of its own.\n"


def _document(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ")


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(each, name):g}"
        for each in field.metadata
        for kind, (name, sign) in BOUNDS.items()
        if isinstance(each, kind)
    ]
    return escaped(" ".join([_annotation(field.annotation), ", ".join(bounds)]).strip())


def _annotation(annotation: Any) -> str:
    if annotation in NAMES:
        return NAMES[annotation]
    inner = get_args(annotation)
    if sections_in(annotation):
        kinds = ["section"] * any(sections_in(arg) for arg in (annotation, *inner))
        return " or ".join([*kinds, *(["null"] if type(None) in inner else [])])
    if get_origin(annotation) is Literal:
        return ", ".join(str(value) for value in inner)
    if hasattr(annotation, "__metadata__"):
        bounds = [b for m in annotation.__metadata__ for b in getattr(m, "metadata", [m])]
        said = [
            f"{sign} {getattr(each, name):g}"
            for each in bounds
            for kind, (name, sign) in BOUNDS.items()
            if isinstance(each, kind)
        ]
        return " ".join([_annotation(inner[0]), *said])
    if get_origin(annotation) is tuple:
        many = inner[-1:] == (Ellipsis,)
        return f"list of {_annotation(inner[0])}" + ("" if many else f", {len(inner)} long")
    if inner:
        return " or ".join(dict.fromkeys(_annotation(arg) for arg in inner))
    return "path" if getattr(annotation, "__name__", "") == "Path" else "value"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        choice = _choice(type(value))
        return f"`{getattr(value, choice)}`" if choice else "see below"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return f"`{text}`".replace("|", "\\|") if text else "empty"
