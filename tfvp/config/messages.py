"""Messages of a refused configuration: one line a problem, with key, value and what is allowed."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from tfvp.config.experiment import Experiment

# The keys that choose a section among several; with another choice other keys are known.
CHOICES = ("dataset", "network", "kind")

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "tuple_type": "a list",
    "model_type": "a section of keys",
    "finite_number": "a finite number",
    "greater_than_equal": "at least {ge:.12g}",
    "greater_than": "more than {gt:.12g}",
    "less_than_equal": "at most {le:.12g}",
    "less_than": "less than {lt:.12g}",
    "literal_error": "{expected}",
    "unknown_kind": "{expected}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}


def nearest(name: str, known: list[str]) -> str | None:
    """Return the known name that `name` is most likely a slip of; None when nothing is close."""
    lowered = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(name: str, known: list[str]) -> str:
    """Return `; did you mean X?` for the known name nearest to `name`, or an empty text."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""


def known_keys(sections: list[type[BaseModel]] | None = None, prefix: str = "") -> Iterator[str]:
    """Return every dotted key that a configuration may hold, sections too, in their order."""
    below: dict[str, list[type[BaseModel]]] = {}  # a union's arms may share names
    for section in [Experiment] if sections is None else sections:
        for name, field in section.model_fields.items():
            below.setdefault(name, []).extend(sections_in(field.annotation))
    for name, inner in below.items():
        yield prefix + name
        yield from known_keys(inner, f"{prefix}{name}.")


def origin_of(key: str, origins: Mapping[str, str]) -> str:
    """Say where a value came from: a file, a preset, an option or "default"; of a section, all."""
    if key in origins:
        return origins[key]
    below = [origin for other, origin in origins.items() if other.startswith(f"{key}.")]
    above = [origin for other, origin in origins.items() if key.startswith(f"{other}.")]
    return ", ".join(dict.fromkeys(below or above)) or "default"


def problems(error: ValidationError, origins: Mapping[str, str], where: str) -> list[str]:
    """Say what pydantic found, one line a key.

    Args:
        error: what pydantic raised for an Experiment.
        origins: dotted key -> the file, preset or option that set it.
        where: the file to name where no single origin is to blame.
    """
    groups: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for each in error.errors(include_url=False):
        unknown = each["type"] == "extra_forbidden"
        one: dict[str, Any] = dict(each)
        if each["type"] == "unknown_kind":  # blame the key that chooses, not its section
            key = one["ctx"]["key"]
            one |= {"loc": (*one["loc"], key), "input": one["input"].get(key)}
        groups.setdefault((_dotted(one["loc"], unknown), unknown), []).append(one)
    lines = []
    for (key, unknown), found in groups.items():
        if found[0]["type"] == "value_error":
            lines.append(f"{where}: {_combination(found[0], origins)}")
            continue
        origin = origin_of(key, origins)
        said = _unknown(key, found[0]) if unknown else _wrong(found)
        lines.append(f"{where if origin == 'default' else origin}: {key}: {said}")
    return lines


def meaning_of(section: BaseModel, key: str) -> str:
    """Say what a dotted key of a section means: its description, or that of what it chooses."""
    name, _, below = key.partition(".")
    value, field = getattr(section, name), type(section).model_fields[name]
    if below and isinstance(value, BaseModel):
        return meaning_of(value, below)
    said = field.description or ""
    if name in CHOICES:  # the section is what was chosen
        said = said or (type(section).__doc__ or "").strip().partition("\n")[0].removesuffix(".")
    return said


def sections_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections that an annotation allows: itself, or the arms of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for arg in get_args(annotation) for section in sections_in(arg)]


def _dotted(loc: tuple[int | str, ...], unknown: bool) -> str:
    """Return the key that pydantic names, without list positions and the arms of unions."""
    names: list[str] = []
    for depth, part in enumerate(loc):
        known = any(part in section.model_fields for section in _sections_at(loc[:depth]))
        if known or (unknown and depth == len(loc) - 1):
            names.append(str(part))
    return ".".join(names)


def _sections_at(loc: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """Return the sections that pydantic's location may mean: of a union the arm that was chosen."""
    sections: list[type[BaseModel]] = [Experiment]
    for part in loc:
        fields = [s.model_fields[str(part)] for s in sections if part in s.model_fields]
        tagged = [s for s in sections if any(f.default == part for f in s.model_fields.values())]
        found = [s for field in fields for s in sections_in(field.annotation)]
        sections = found if fields else tagged or sections
    return sections


def _unknown(key: str, error: dict[str, Any]) -> str:
    """Say what a key that nothing reads was probably meant to be."""
    known = list(dict.fromkeys(known_keys()))
    section, _, name = key.rpartition(".")
    prefix = f"{section}." if section else ""
    said = f"unknown key (got {_show(error['input'])})"
    if error["loc"][-1] in known and "." in str(error["loc"][-1]):
        return f"{said}; in a file write it nested, one key below the other"
    sections = _sections_at(error["loc"][:-1])
    siblings = list(dict.fromkeys(prefix + field for s in sections for field in s.model_fields))
    if key in known:  # of another arm of the union
        return f"{said}; {error['loc'][-2]} has no such key; known keys: {', '.join(siblings)}"
    near = nearest(name, [k[len(prefix) :] for k in siblings])
    if near:
        return f"{said}; did you mean {prefix}{near}?"
    elsewhere = [k for k in known if k.rpartition(".")[2] == name] or [
        k for k in known if difflib.SequenceMatcher(None, k.rpartition(".")[2], name).ratio() > 0.8
    ]
    elsewhere = [k for k in elsewhere if k != key]
    if elsewhere:
        return f"{said}; did you mean {' or '.join(elsewhere)}?"
    return f"{said}; known keys: {', '.join(siblings)}"


def _wrong(found: list[dict[str, Any]]) -> str:
    """Say what was expected of a value; a union's arms are joined by "or"."""
    if found[0]["type"] == "missing" and not isinstance(found[0]["loc"][-1], int):
        return "missing"
    # A bad entry also makes its list too short for pydantic; the entry is the news.
    entries = [each for each in found if isinstance(each["loc"][-1], int)]
    entries = [each for each in entries if each["loc"] == entries[0]["loc"]] or found
    got = entries[0]["input"]
    expected = " or ".join(dict.fromkeys(_expectation(each) for each in entries))
    near = ""
    if isinstance(got, str):
        near = did_you_mean(got, re.findall(r"'([^']*)'", expected))
    return f"expected {expected}, got {_show(got)}{near}"


def _expectation(error: dict[str, Any]) -> str:
    if error["type"] == "missing":
        return f"a list of at least {error['loc'][-1] + 1}"
    if error["type"] not in _EXPECTED:
        return error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return _EXPECTED[error["type"]].format(**error.get("ctx", {}))


def _combination(error: dict[str, Any], origins: Mapping[str, str]) -> str:
    """Return a validator's sentence, and where each key that it names came from."""
    said = error["msg"].removeprefix("Value error, ")
    known = dict.fromkeys(known_keys())
    named = [k for k in known if re.search(rf"(?<![\w.]){re.escape(k)}(?![\w.])", said)]
    sources = "; ".join(f"{key}: {origin_of(key, origins)}" for key in named if "." in key)
    return f"{said} ({sources})" if sources else said


def _show(value: Any) -> str:
    """Write a value as a file would hold it, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
