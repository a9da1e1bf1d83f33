"""Values laid over one another: the keys of one source over those of the sources before it."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfvp.config.messages import CHOICES
from tfvp.config.yaml import parse
from tfvp.errors import ConfigError
from tfvp.system.override import Override


def _override(text: str, option: str) -> dict[str, Any]:
    """Turn `a.b=value` into {"a": {"b": value}}, with the value read as YAML."""
    key, equals, value = text.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not equals or not all(names):
        raise ConfigError(f"--set {text}: expected KEY=VALUE, e.g. --set training.steps=500")
    if names == ["preset"]:
        raise ConfigError(f"--set {text}: a preset is chosen with --preset {value}")
    nested: Any = parse(value, f"{option} {key}")
    for name in reversed(names):
        nested = {name: nested}
    return nested


def layer_of(texts: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Join all `a.b=value` to one layer, so that their order does not matter beside a `kind`.

    Returns:
        The layer, and the option that gave each of its keys.
    """
    together: dict[str, Any] = {}
    givers: dict[str, str] = {}
    for text in texts:
        option = text.option if isinstance(text, Override) else "--set"
        lay_over(together, _override(text, option), option, givers)
    return together, givers


def lay_over(
    base: dict[str, Any],
    new: Mapping[str, Any],
    origin: str,
    origins: dict[str, str],
    prefix: str = "",
) -> None:
    """Change `base` to hold the values of `new`, section by section.

    Lists are replaced whole, and so are sections of another kind.
    """
    for key, value in new.items():
        dotted = prefix + key
        inside = isinstance(value, Mapping) and _same_kind(value, base.get(key))
        if not inside:
            for old in [o for o in origins if o == dotted or o.startswith(f"{dotted}.")]:
                del origins[old]
        if isinstance(value, Mapping):
            base[key] = base[key] if inside else {}
            lay_over(base[key], value, origin, origins, f"{dotted}.")
        else:
            base[key] = value
            origins[dotted] = origin


def _same_kind(new: Mapping[str, Any], old: Any) -> bool:
    """Return whether a section adds to the one below it, being of the same kind."""
    if not isinstance(old, dict):
        return False
    chosen = [(old[key], new[key]) for key in CHOICES if key in old and key in new]
    # names alone choose: training.loss.network is a weight
    return all(a == b for a, b in chosen if isinstance(a, str) and isinstance(b, str))
