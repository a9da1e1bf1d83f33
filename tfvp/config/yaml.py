"""YAML as tfvp reads and writes it: plain data only, no key twice, and 1e-3 is a number."""

import re
from pathlib import Path
from typing import Any

import yaml

from tfvp.errors import ConfigError

MAX_VALUES = 100_000  # of one document, aliases written out


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the floats of YAML 1.2 and an error for a key that comes twice."""

    def mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        """Build a mapping at once, so that one that contains itself is an error, not a loop."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"a key must be text, got {key!r}; quote it", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key} comes twice", key_node.start_mark
                )
            seen.add(key)
        return self.construct_mapping(node, deep=True)


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper; a list stays on one line."""


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.mapping)
# YAML 1.1, which PyYAML speaks, reads 1e-3 as text because there is no point in it. The dumper must
# know too, or it would write the text "1e-3" without quotes.
for _either in (_Loader, _Dumper):
    _either.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    )
_Dumper.add_representer(
    list,
    lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True),
)


def _check_expansion(root: yaml.Node, where: str) -> None:
    """Refuse a document whose aliases (`*name`) stand for more than any configuration holds.

    A few lines of aliases of aliases stand for billions of values, which nobody could go through.
    """
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 1  # of a node that contains itself, which is refused later
            parts = node.value if isinstance(node, yaml.CollectionNode) else []
            flat = [
                each for part in parts for each in (part if isinstance(part, tuple) else [part])
            ]
            sizes[id(node)] += sum(map(size, flat))
        return sizes[id(node)]

    if size(root) > MAX_VALUES:
        raise ConfigError(
            f"{where}: its aliases (*name) stand for more than {MAX_VALUES:,} values; write out "
            "what is meant"
        )


def parse(text: str, where: str) -> Any:
    """Read one YAML document as plain data.

    Args:
        text: the document.
        where: what to call it in messages, e.g. a file's name.

    Raises:
        ConfigError: not valid YAML, or a key that comes twice; names line and column (from 1).
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_expansion(node, where)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        problem = error.problem or error.context
        raise ConfigError(f"{place}: not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{where}: not valid YAML: {reason}") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a file that must hold one mapping of keys to values.

    Raises:
        ConfigError: unreadable, not UTF-8, not valid YAML, empty, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
    content = parse(text, path.name)
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {type(content).__name__}"
        raise ConfigError(f"{path.name}: expected keys and values, got {found}")
    return content


def write(data: dict[str, Any]) -> str:
    """Write plain data as YAML that `parse` reads back to an equal value."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
