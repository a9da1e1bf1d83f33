"""A program in PyTorch that saved a state dict of a network."""

from collections.abc import Callable, Iterable

from tfvp.porting.program import Program, Source, WeightNames
from tfvp.porting.safetensors import SUFFIX, read_safetensors
from tfvp.porting.torch_state import read_torch_state


class TorchProgram(Program):
    """A program whose files are state dicts, alone or among other things in the file.

    Args:
        names: see `Program`.
        unused: says of a name in a state dict, without prefix, whether the program never uses it.
    """

    def __init__(self, names: WeightNames, unused: Callable[[str], bool] = lambda name: False):
        super().__init__(names)
        self.unused = unused

    def everything(self, source: str, kernels: str = "auto") -> Source:
        """See `Program`; the state dict's place among others in the file is found by its names."""
        del kernels
        read = read_safetensors if source.endswith(SUFFIX) else read_torch_state
        values = read(source)
        prefix = _prefix(values, self.names)
        aside = {
            name: "not used by its program"
            for name in values
            if name.startswith(prefix) and self.unused(name.removeprefix(prefix))
        }
        outside = [name for name in values if not name.startswith(prefix)]
        return Source(
            values,
            {prefix + name: takers for name, takers in self.names.items()},
            {**aside, **dict.fromkeys(outside, f"not among {prefix}…")},
        )


def _prefix(found: Iterable[str], expected: Iterable[str]) -> str:
    """Return what stands before most names: the state dict's place among others in the file."""
    found, expected = set(found), list(expected)
    prefixes = {
        name.removesuffix(wanted)
        for wanted in expected
        for name in found
        if name.endswith(f".{wanted}")
    }

    def matches(prefix: str) -> int:
        return sum(prefix + name in found for name in expected)

    return max(["", *sorted(prefixes)], key=matches)
