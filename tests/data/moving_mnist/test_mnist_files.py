"""MNIST's files are checked before use, and a download appears whole or not at all."""

import gzip
import hashlib
import http.server
import socket
import struct
import threading

import numpy as np
import pytest

from tests.helpers.small_data import idx_file
from tfvp.data.moving_mnist import mnist_files
from tfvp.errors import DataError


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\x08\x03", "idx header of 16 bytes, got 4"),
        (idx_file(np.zeros((2, 3, 4), np.uint8), magic=0x801), "magic number 0x00000803"),
        (idx_file(np.zeros((2, 3, 4), np.uint8))[:-1], "expected 24 bytes of images, got 23 bytes"),
        (idx_file(np.zeros((2, 3, 4), np.uint8)) + b"x", "expected 24 bytes of images, got more"),
        (gzip.compress(idx_file(np.ones((9, 28, 28), np.uint8)))[:-9], "cannot be read"),
        (struct.pack(">4I", 0x803, 2**31, 2**31, 2**31), "announces 2147483648 images"),
    ],
    ids=["header", "magic", "short", "long", "gzip", "forged"],
)
def test_damaged_idx(tmp_path, content, says):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        mnist_files.read_idx_images(path)


def test_idx_reads_row_by_row(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "images").write_bytes(idx_file(images))
    np.testing.assert_array_equal(mnist_files.read_idx_images(tmp_path / "images"), images)


def test_pickles_are_not_opened(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=np.array([{}], dtype=object), x_test=np.zeros(1))
    with pytest.raises(DataError, match="allow_pickle"):
        mnist_files.read_npz(path)


# --- the download --------------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch):
    """A file on a loopback server, in place of MNIST's."""
    content = b"a file worth having"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
        url = f"http://127.0.0.1:{running.server_port}/mnist.npz"
        sha256 = hashlib.sha256(content).hexdigest()
        yield mnist_files.Download(url, len(content), sha256)
        running.shutdown()


def test_download_arrives_whole(server, tmp_path):
    lines = []
    mnist_files.fetch(server, tmp_path / "a" / "mnist.npz", lines.append)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["mnist.npz"]
    assert (tmp_path / "a" / "mnist.npz").read_bytes() == b"a file worth having"
    assert "downloading" in lines[0]


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}])
def test_download_with_another_checksum_leaves_nothing(server, tmp_path, change):
    with pytest.raises(DataError, match="expected sha256"):
        mnist_files.fetch(server._replace(**change), tmp_path / "mnist.npz", print)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_never_comes_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(mnist_files, "CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:  # accepts and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(OSError, match=r"no connection \(.*timed? ?out"):
            mnist_files.fetch(mnist_files.MNIST_NPZ._replace(url=url), tmp_path / "x", print)
    assert list(tmp_path.iterdir()) == []
