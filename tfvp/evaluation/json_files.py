"""Reading the JSON that an evaluation wrote: one line for whatever is wrong with it."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tfvp.errors import RunError

Content = TypeVar("Content", bound=BaseModel)


def read_json(content: type[Content], path: Path, remedy: str) -> Content:
    """Read a file of one schema; `remedy` says what writes it, e.g. "run x", for an error's end.

    Raises:
        RunError: it is missing, or not of the schema.
    """
    try:
        return content.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path}: not there; {remedy} first") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise RunError(f"{path}: {where}: {first['msg']}; {remedy} again") from None
