"""PyTorch files: tensors come out right, and nothing in a file is ever run."""

import builtins
import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from tfvp.errors import WeightsError
from tfvp.porting.torch_state import read_torch_state

# The names that torch.save's pickles use, written here as the opcodes of protocol 2.


def text(value: str) -> bytes:
    return b"X" + struct.pack("<i", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values) -> bytes:
    return b"(" + b"".join(number(v) for v in values) + b"t"


def tensor(kind, key, count, shape, stride, offset=0) -> bytes:
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
    storage += number(count) + b"tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = b"(" + storage + number(offset) + numbers(shape) + numbers(stride) + b"\x89"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + hooks + b"tR"


def state_dict(**tensors) -> bytes:
    items = b"".join(text(name) + code for name, code in tensors.items())
    body = b"ccollections\nOrderedDict\n)R(" + items + b"u"
    return b"\x80\x02" + body + b"}" + text("_metadata") + b"}sb."


def write(path: Path, pickled: bytes, storages=None, root="archive") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/data.pkl", pickled)
        for key, values in (storages or {}).items():
            archive.writestr(f"{root}/data/{key}", np.ascontiguousarray(values).tobytes())
        archive.writestr(f"{root}/version", "3\n")
    return path


def test_tensors_views_and_types(tmp_path):
    values = np.arange(12, dtype="<f4")
    bf16 = (np.array([1.5, -2.0], "<f4").view("<u4") >> 16).astype("<u2")
    pickled = state_dict(
        whole=tensor("FloatStorage", "0", 12, (3, 4), (4, 1)),
        turned=tensor("FloatStorage", "0", 12, (4, 3), (1, 4)),
        part=tensor("FloatStorage", "0", 12, (2,), (1,), offset=10),
        count=tensor("LongStorage", "1", 1, (), ()),
        half=tensor("BFloat16Storage", "2", 2, (2,), (1,)),
        double=tensor("DoubleStorage", "3", 1, (1,), (1,)),
        none=tensor("FloatStorage", "0", 12, (0, 3), (3, 1)),
    )
    storages = {"0": values, "1": np.array([7], "<i8"), "2": bf16, "3": np.array([0.5])}
    found = read_torch_state(write(tmp_path / "a.pt", pickled, storages))
    np.testing.assert_array_equal(found["whole"], values.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], values.reshape(3, 4).T)
    assert found["part"].tolist() == [10, 11]
    assert (found["count"].shape, int(found["count"])) == ((), 7)
    assert found["half"].tolist() == [1.5, -2.0]
    assert (found["double"].dtype, found["none"].shape) == (np.float32, (0, 3))


class Malicious:
    """Pickles as a call that leaves a trace."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("where", ["whole", "value", "key_of_metadata"])
@pytest.mark.parametrize("function", [os.system, os.mkdir, builtins.eval, builtins.exec, open])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, where, function, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argument = {"system": "touch ran", "mkdir": "ran"}.get(function.__name__)
    argument = argument or ("open('ran', 'w')" if function is not open else "ran")
    extra = ("w",) if function is open else ()
    bomb = Malicious(function, argument, *extra)
    content = {"whole": bomb, "value": {"a": bomb}, "key_of_metadata": OrderedDict(a=[bomb])}[where]
    path = write(tmp_path / "a.pt", pickle.dumps(content, protocol=2))
    with pytest.raises(WeightsError, match=r"a\.pt: refused, its pickle asks for .*nothing of it"):
        read_torch_state(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch", "load"),
        ("torch", "FloatStorage.__class__"),
        ("collections", "namedtuple"),
        ("numpy", "load"),
        ("tfvp.porting.torch_state", "pickle.loads"),
    ],
)
def test_names_near_the_allowed_ones_are_refused(tmp_path, module, name):
    for protocol in (b"\x80\x02", b"\x80\x04"):
        pickled = protocol + text(module) + text(name) + b"\x93."  # STACK_GLOBAL
        with pytest.raises(WeightsError, match="refused"):
            read_torch_state(write(tmp_path / "a.pt", pickled))


@pytest.mark.parametrize(
    ("shape", "stride", "offset"),
    [
        ((3, 4), (4, 1), 1),
        ((13,), (1,), 0),
        ((2,), (-1,), 1),
        ((10**9,), (0,), 0),
        ((2,), (99,), 0),
    ],
)
def test_a_view_beyond_its_data_is_refused(tmp_path, shape, stride, offset):
    pickled = state_dict(a=tensor("FloatStorage", "0", 12, shape, stride, offset))
    with pytest.raises(WeightsError, match=r"a\.pt: damaged: .*beyond its data"):
        read_torch_state(write(tmp_path / "a.pt", pickled, {"0": np.zeros(12, "<f4")}))


def test_other_files_are_one_line(tmp_path):
    path = tmp_path / "a.pt"
    with pytest.raises(WeightsError, match="no such file"):
        read_torch_state(path)
    path.write_bytes(b"\x80\x02}.")
    with pytest.raises(WeightsError, match=r"not a PyTorch file \(a zip, or pickles before"):
        read_torch_state(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "")
    with pytest.raises(WeightsError, match=r"a zip, but not of PyTorch"):
        read_torch_state(path)
    with pytest.raises(WeightsError, match="holds no tensors"):
        read_torch_state(write(path, pickle.dumps({"a": 1}, protocol=2)))
    short = state_dict(a=tensor("FloatStorage", "0", 12, (3,), (1,)))
    with pytest.raises(WeightsError, match="has 8 bytes, expected 12 of 4"):
        read_torch_state(write(path, short, {"0": np.zeros(2, "<f4")}))
    with pytest.raises(WeightsError, match="damaged"):
        read_torch_state(write(path, short[:40]))


# --- as PyTorch before version 1.6 wrote them ---


def write_legacy(path: Path, pickled: bytes, storages, *, system=None) -> Path:
    system = {"protocol_version": 1001, "little_endian": True} if system is None else system
    heads = (0x1950A86A20F9469CFC6C, 1001, system)
    parts = [*(pickle.dumps(head, protocol=2) for head in heads), pickled]
    parts.append(pickle.dumps(list(storages), protocol=2))
    for values in storages.values():
        parts += [struct.pack("<q", len(values)), values.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def test_a_file_before_version_1_6(tmp_path):
    pickled = state_dict(
        turned=tensor("FloatStorage", "17", 6, (3, 2), (1, 3)),
        part=tensor("FloatStorage", "17", 6, (2,), (1,), offset=4),
        count=tensor("LongStorage", "4", 1, (), ()),
    ).replace(text("cpu") + number(6) + b"t", text("cuda:0") + number(6) + b"Nt")
    storages = {"4": np.array([7], "<i8"), "17": np.arange(6, dtype="<f4")}
    path = write_legacy(tmp_path / "a.pth", pickled, storages)
    found = read_torch_state(path)
    np.testing.assert_array_equal(found["turned"], np.arange(6).reshape(2, 3).T)
    assert (found["part"].tolist(), int(found["count"])) == ([4, 5], 7)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"a\.pth: damaged"):
        read_torch_state(path)


def test_a_malicious_or_damaged_file_before_version_1_6(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, bomb = tmp_path / "a.pth", Malicious(os.mkdir, "ran")
    for changed in ({"pickled": pickle.dumps({"a": bomb}, protocol=2)}, {"system": {"a": bomb}}):
        write_legacy(path, **{"pickled": state_dict(), "storages": {}, **changed})
        with pytest.raises(WeightsError, match=r"a\.pth: refused, .*nothing of it was run"):
            read_torch_state(path)
    assert not (tmp_path / "ran").exists()
    pickled = state_dict(a=tensor("FloatStorage", "0", 3, (3,), (1,)))
    short = write_legacy(path, pickled, {"0": np.zeros(2, "<f4")})
    with pytest.raises(WeightsError, match="has 2 values, expected 3"):
        read_torch_state(short)
    huge = state_dict(a=tensor("FloatStorage", "0", 10**9, (3,), (1,)))
    with pytest.raises(WeightsError, match="larger than the file"):
        read_torch_state(write_legacy(path, huge, {}))
    with pytest.raises(WeightsError, match="big-endian"):
        read_torch_state(write_legacy(path, pickled, {}, system={"little_endian": False}))


@pytest.mark.realdata
def test_published_weights(tmp_path):
    path = Path(os.environ["TFVP_DATA"]) / "weights" / "silver0x10_convlstm_skip.pt"
    found = read_torch_state(path)
    assert len(found) == 31
    assert found["enc1.conv.weight"].shape == (128, 64, 5, 5)
    assert found["conv1.1.num_batches_tracked"].dtype == np.int64
    assert all(np.isfinite(value).all() for value in found.values())
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        raw = np.frombuffer(archive.read("convLSTM_final_weights/data/30"), "<f4")
    np.testing.assert_array_equal(found["deconv2.0.bias"], raw)
