"""Every test sees empty data folders, except those marked `mnist`, which see the real ones."""

import gzip
import hashlib
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from klsweep.data import sources
from klsweep.data.idx import NAMES
from klsweep.data.sources import Archive, KnownFile


@pytest.fixture(autouse=True)
def cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    if request.node.get_closest_marker("mnist") is None:
        monkeypatch.delenv(sources.VARIABLE, raising=False)
        monkeypatch.setattr(sources, "cache_folder", lambda: folder)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@dataclass
class Served:
    """A server on the loopback: what it gives by path, how often each path was asked for, and how."""

    url: str
    content: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    encodings: set[str | None] = field(default_factory=set)
    seconds: float = 0.0


@pytest.fixture
def server() -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked[self.path] += 1
            served.encodings.add(self.headers["Accept-Encoding"])
            time.sleep(served.seconds)
            body = served.content.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        served = Served(f"http://127.0.0.1:{listening.server_address[1]}/")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        listening.shutdown()
        thread.join()


def idx_bytes(values: np.ndarray) -> bytes:
    """An IDX file as LeCun's page describes it."""
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


@dataclass(frozen=True)
class Fake:
    """A small data set in the format of MNIST: its packed files by name, and its values."""

    packed: dict[str, bytes]
    unpacked: dict[str, bytes]
    images: np.ndarray

    def archive(self, *mirrors: str) -> Archive:
        files = tuple(
            KnownFile(name, _sha256(self.packed[name]), _sha256(self.unpacked[name])) for name in NAMES
        )
        return Archive("mnist", files, mirrors, ("mnist", "MNIST/raw"))

    def write(self, folder: Path, *, packed: bool = True) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            content = self.packed[name] if packed else self.unpacked[name]
            (folder / (name if packed else name.removesuffix(".gz"))).write_bytes(content)
        return folder


@pytest.fixture
def fake() -> Fake:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = (np.arange(30) % 10).astype(np.uint8)
    arrays = (images[:20], labels[:20], images[20:], labels[20:])
    unpacked = {name: idx_bytes(values) for name, values in zip(NAMES, arrays, strict=True)}
    return Fake({name: gzip.compress(raw) for name, raw in unpacked.items()}, unpacked, images)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
