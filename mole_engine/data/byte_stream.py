"""The bytes of a file as they pass by: counted, hashed, unpacked, never held all at once."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from mole_engine.contracts.errors import InputError

GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20
_BEGINNING = 1 << 16


class WatchedStream(io.RawIOBase):
    """Reads a file and remembers how much of it has passed, and its SHA-256.

    Attributes
    ----------
    done
        Bytes of the file read so far.
    """

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._digest = hashlib.sha256()
        self.done = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer from the file."""
        block = self._source.read(len(buffer))
        buffer[: len(block)] = block
        self._digest.update(block)
        self.done += len(block)
        return len(block)

    def sha256(self) -> str:
        """Return the hash of the whole file; what nobody has read yet is read now."""
        while self.read(_BLOCK):
            continue
        return self._digest.hexdigest()


class _Bounded(io.RawIOBase):
    """Passes on an unpacked stream, up to a limit; problems of the packing become messages."""

    def __init__(self, source: IO[bytes], name: str, limit: int) -> None:
        super().__init__()
        self._source, self._name, self._limit = source, name, limit
        self._done = 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._source.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            block = self._source.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise damaged(self._name) from error
        self._done += len(block)
        if self._done > self._limit:
            raise too_large(self._name, self._limit)
        buffer[: len(block)] = block
        return len(block)


def unpacked(stream: WatchedStream, packed: bool, name: str, limit: int) -> io.BufferedReader[Any]:
    """Return a stream of the content of a file that may be gzipped.

    Parameters
    ----------
    stream
        The file.
    packed
        Whether it is gzipped.
    name
        File name for messages.
    limit
        Bytes of content after which reading raises: a packed file may be made to fill the memory.
    """
    if not packed:
        return io.BufferedReader(stream, _BLOCK)
    content = gzip.GzipFile(fileobj=io.BufferedReader(stream, _BLOCK))
    return io.BufferedReader(_Bounded(cast(IO[bytes], content), name, limit), _BLOCK)


def open_content(path: Path) -> IO[bytes]:
    """Open a file of any length, gzipped (by its content, whatever its name) or not. Raises OSError.

    Gzip data that are damaged or cut off raise InputError when reading comes to them.
    """
    with path.open("rb") as stream:
        packed = stream.read(len(GZIP)) == GZIP
    if not packed:
        return path.open("rb")
    return io.BufferedReader(_Bounded(cast(IO[bytes], gzip.open(path, "rb")), path.name, sys.maxsize), _BLOCK)


def beginning(raw: bytes) -> bytes:
    """Return the first bytes of the content of a file whose own first bytes are `raw`; empty where it is damaged."""
    if not raw.startswith(GZIP):
        return raw[:_BEGINNING]
    try:
        return zlib.decompressobj(31).decompress(raw, _BEGINNING)
    except zlib.error:
        return b""


def damaged(name: str) -> InputError:
    """Return the error of a file that cannot be unpacked."""
    return InputError(
        f"{name} cannot be unpacked.", "The gzip data is damaged or cut off.", "Copy or download it again."
    )


def too_large(name: str, limit: int) -> InputError:
    """Return the error of a file that unpacks to too much."""
    return InputError(
        f"{name} is too large.",
        f"Unpacked it exceeds {limit >> 20} MB.",
        "Unpack it yourself and divide it into smaller files.",
    )
