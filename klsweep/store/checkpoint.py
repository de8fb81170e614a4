"""The state of a fleet in training, in one file that is whole or absent."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from klsweep.store import atomic, codec

NAME = "checkpoint"
_DIGEST_BYTES = 64  # the file begins with the SHA-256 of the rest, in hex


def save(directory: Path, tensors: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
    """Replace the checkpoint in `directory` by these tensors and notes (any JSON values); else `StoreError`."""
    payload = codec.encode_tensors(tensors, {"notes": json.dumps(notes)})
    with atomic.writing_to(directory):
        atomic.write(directory / NAME, codec.sha256(payload).encode() + payload)


def load(directory: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """(tensors, notes) of the checkpoint in `directory`; None where there is none or it is damaged."""
    try:
        content = (directory / NAME).read_bytes()
    except OSError:
        return None
    digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if codec.sha256(payload).encode() != digest:
        return None
    try:
        return codec.decode_tensors(payload), _notes(payload)
    except (codec.DamagedError, ValueError, KeyError, TypeError):
        return None


def _notes(payload: bytes) -> dict[str, Any]:
    length = int.from_bytes(payload[:8], "little")
    notes = json.loads(json.loads(payload[8 : 8 + length])["__metadata__"]["notes"])
    return dict(notes)
