"""Finds configuration files and follows the chain of parents that `extends:` makes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfvp.config.messages import did_you_mean
from tfvp.config.yaml import read_mapping
from tfvp.errors import ConfigError

# A child has its own; what it inherited would be the parent's row in a table or folder on disk.
_OWN = ("name", "title")


@dataclass(frozen=True)
class ConfigFile:
    """The content of one YAML file: what it sets itself, and what each of its presets sets."""

    path: Path
    values: dict[str, Any]
    presets: dict[str, dict[str, Any]]


def config_folders() -> list[Path]:
    """Return the folders searched for bare names: here, beside the package or inside it."""
    package = Path(__file__).resolve().parents[1]
    return [Path("configs"), package.parent / "configs", package / "configs"]


def find_config(name_or_path: str | Path, *, beside: Path | None = None) -> Path:
    """Find a configuration file by path or bare name.

    Args:
        name_or_path: with or without `.yaml`.
        beside: a file whose `extends:` this is; relative paths start at its folder.

    Raises:
        ConfigError: there is none; lists where it looked and the nearest name.
    """
    given = Path(name_or_path).expanduser()
    suffixed = given if given.suffix in (".yaml", ".yml") else Path(f"{given}.yaml")
    here = beside.parent if beside else Path()
    tried = list(dict.fromkeys([here / given, here / suffixed]))
    if len(given.parts) == 1:
        tried += [folder / suffixed for folder in config_folders()]
    found = [path for path in tried if path.is_file()]
    # My own e3d.yaml that says `extends: e3d` means the one that comes with tfvp.
    found.sort(key=lambda path: beside is not None and path.resolve() == beside.resolve())
    if found:
        return found[0]
    blame = f"{beside.name}: extends: " if beside else ""
    if (here / given).is_dir():
        raise ConfigError(f"{blame}config {given} is a folder; give a YAML file")
    folders = list(dict.fromkeys(str(path.parent) for path in tried if path.parent.is_dir()))
    names = sorted({p.stem for folder in folders for p in Path(folder).glob("*.yaml")})
    raise ConfigError(
        f"{blame}config {given} not found; looked for {suffixed.name} in "
        f"{', '.join(folders) or suffixed.parent}{did_you_mean(suffixed.stem, names)}"
    )


def config_names() -> list[str]:
    """Return the bare names that `find_config` knows, sorted."""
    return sorted({path.stem for folder in config_folders() for path in folder.glob("*.yaml")})


def follow(path: Path) -> list[ConfigFile]:
    """Return the file and its parents, the root first, without what belongs to a parent alone."""
    files: list[ConfigFile] = []
    seen: list[Path] = []
    while True:
        seen.append(path)
        if path.resolve() in [other.resolve() for other in seen[:-1]]:
            circle = " -> ".join(other.name for other in seen)
            raise ConfigError(f"{seen[0].name}: extends goes in a circle: {circle}")
        file, parent = _take_apart(path, inherited=bool(files))
        files.insert(0, file)
        if parent is None:
            break
        path = find_config(parent, beside=path)
    presets = [name for file in files for name in file.presets]
    for file in files:
        if presets and "preset" in file.values:
            raise ConfigError(
                f"{file.path.name}: preset: is chosen on the command line "
                f"(--preset {presets[0]}), not in a file that has presets"
            )
    return files


def preset_names(path: Path) -> list[str]:
    """Return the presets of a file and its parents; none where a file of them is damaged."""
    try:
        return list(dict.fromkeys(name for file in follow(path) for name in file.presets))
    except ConfigError:
        return []


def _take_apart(path: Path, *, inherited: bool) -> tuple[ConfigFile, str | None]:
    """Split a file into values, presets and the name of its parent."""
    values = read_mapping(path)
    parent = values.pop("extends", None)
    presets = values.pop("presets", {})
    if not (parent is None or (isinstance(parent, str) and parent)):
        raise ConfigError(f"{path.name}: extends: expected a config's name or path, got {parent!r}")
    if not isinstance(presets, dict):
        raise ConfigError(f"{path.name}: presets: expected preset names and keys, got {presets!r}")
    for name, content in presets.items():
        if not isinstance(content, dict):
            raise ConfigError(f"{path.name}: presets.{name}: expected keys, got {content!r}")
    if inherited:
        values, *rest = (_without_own(each) for each in (values, *presets.values()))
        presets = dict(zip(presets, rest, strict=True))
    return ConfigFile(path, values, presets), parent


def _without_own(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _OWN}
