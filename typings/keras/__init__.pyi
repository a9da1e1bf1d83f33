# For the type checker alone: the library's own annotations describe every backend at once, so that
# each tensor may be None to it. Its names are taken as untyped instead.
from typing import Any

def __getattr__(name: str) -> Any: ...
