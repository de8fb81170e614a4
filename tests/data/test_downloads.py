"""Downloads, from a server on the loopback: checked, from mirror to mirror, and once for all processes."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from klsweep.data import Digits, Mnist
from klsweep.data.download import fetch
from klsweep.data.idx import NAMES
from klsweep.data.sources import find
from klsweep.errors import DataError

FETCHER = """
import sys
from pathlib import Path
from klsweep.data.download import fetch
from klsweep.data.sources import Archive, KnownFile
folder, mirror, *pairs = sys.argv[1:]
files = tuple(KnownFile(*pair.split("="), "") for pair in pairs)
print("ready", flush=True)
sys.stdin.readline()
print(fetch(Archive("mnist", files, (mirror,), ("mnist",)), Path(folder)))
"""


@pytest.fixture
def closed() -> str:
    """An address where nothing listens: its port was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"


def serve(server, fake, under: str = "") -> str:
    server.content.update({f"/{under}{name}": content for name, content in fake.packed.items()})
    return server.url + under


def test_a_missing_set_is_downloaded_and_can_be_loaded(server, fake, cache, monkeypatch) -> None:
    monkeypatch.setattr(Mnist, "archive", fake.archive(serve(server, fake)))
    located, (note,) = Mnist(fallback=Digits()).locate(None, download=True)
    assert located == Mnist()
    assert str(cache / "mnist") in note
    assert len(located.load().test) == 10
    assert Mnist().locate(None, download=True) == (Mnist(), ())
    assert set(server.asked.values()) == {1}


def test_progress_is_told_up_to_the_whole_file(server, fake, cache) -> None:
    told: list[tuple[str, int, int]] = []
    fetch(fake.archive(serve(server, fake)), cache, progress=lambda *state: told.append(state))
    assert {name for name, _, _ in told} == set(NAMES)
    for name, content in fake.packed.items():
        counts = [done for other, done, _ in told if other == name]
        assert counts == sorted(counts)
        assert counts[-1] == len(content)
        assert {total for other, _, total in told if other == name} == {len(content)}


def test_a_damaged_file_in_the_cache_is_downloaded_again(server, fake, cache) -> None:
    archive = fake.archive(serve(server, fake))
    fake.write(cache / "mnist")
    (cache / "mnist" / NAMES[0]).write_bytes(b"damaged")
    search = find(archive, None)
    assert search.paths is None
    assert f"(damaged: {NAMES[0]})" in search.looked[-1]
    assert fetch(archive, cache / "mnist") == ()
    assert find(archive, None).paths is not None
    assert dict(server.asked) == {f"/{NAMES[0]}": 1}


def test_the_second_mirror_helps_where_the_first_is_wrong_or_away(server, fake, cache, closed) -> None:
    good = serve(server, fake, "good/")
    server.content.update({f"/bad/{name}": b"an error page" for name in NAMES})
    for first in (f"{server.url}bad/", f"{server.url}absent/", closed):
        folder = cache / str(len(server.asked))
        assert fetch(fake.archive(first, good), folder) == ()
        assert (folder / NAMES[0]).read_bytes() == fake.packed[NAMES[0]]


def test_what_no_mirror_gives_is_given_up_at_the_first_file_with_reasons(
    server, fake, cache, closed, monkeypatch
) -> None:
    server.content.update({f"/bad/{name}": b"an error page" for name in NAMES})
    archive = fake.archive(f"{server.url}bad/", f"{server.url}absent/", closed)
    wrong, absent, silent = fetch(archive, cache)
    assert wrong.endswith("bad/: wrong SHA-256")
    assert absent.endswith("absent/: 404 Client Error: Not Found")
    assert silent == f"{closed}: ConnectionError"
    assert sum(server.asked.values()) == 2
    assert not list(cache.glob("*.gz"))
    monkeypatch.setattr(Mnist, "archive", archive)
    with pytest.raises(DataError, match=r"wrong SHA-256.*404"):
        Mnist().locate(None, download=True)
    assert Mnist(fallback=Digits()).locate(None, download=True)[0] == Digits()


def test_a_folder_that_cannot_be_made_is_a_reason_not_a_crash(fake, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (reason,) = fetch(fake.archive("http://not.asked/"), tmp_path / "file" / "mnist")
    assert reason.startswith(str(tmp_path / "file"))


def test_files_are_asked_for_as_they_are_so_none_arrives_unpacked(server, fake, cache) -> None:
    assert fetch(fake.archive(serve(server, fake)), cache) == ()
    assert server.encodings == {"identity"}


def test_two_processes_at_once_download_each_file_once_and_print_nothing(server, fake, cache) -> None:
    mirror = serve(server, fake)
    server.seconds = 0.05  # long enough for the second process to meet the first one's lock
    pairs = [f"{file.name}={file.sha256}" for file in fake.archive().files]
    pipe = subprocess.PIPE
    both = [
        subprocess.Popen(
            [sys.executable, "-c", FETCHER, str(cache), mirror, *pairs],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in both] == [("()\n", "")] * 2
    assert dict(server.asked) == {f"/{name}": 1 for name in NAMES}
