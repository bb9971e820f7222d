"""Read pickles and PyTorch checkpoints from strangers without running anything in them.

Only tensors and plain containers are built. Any other class that a file names becomes an `Inert` object that keeps
what it was given and does nothing, so that a checkpoint with configuration objects can be read without the library
that made them, and a hostile file stays harmless.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mole_engine.contracts.errors import InputError

_MAX_PICKLE_BYTES = 512 * 2**20

_STORAGE_TYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Inert:
    """Stands for an object of a class that is not built.

    Attributes
    ----------
    origin
        "module.name" that the file asked for.
    arguments, state, items
        What it was called with, what would have been its attributes, and what would have been put into it.
    """

    origin = ""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.arguments = arguments
        self.keywords = keywords
        self.state: Any = None
        self.items: dict[Any, Any] = {}
        self.members: list[Any] = []

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, value: Any) -> None:
        """Keep a list item."""
        self.members.append(value)

    def extend(self, values: Any) -> None:
        """Keep list items."""
        self.members.extend(values)

    def __repr__(self) -> str:
        return f"<inert {self.origin}>"


def read_pickle(path: str | Path) -> Any:
    """Read a pickle of plain containers.

    Raises
    ------
    InputError
        When the file cannot be read or is not a pickle.
    """
    path = Path(path)
    try:
        return _Reader(io.BytesIO(path.read_bytes())).load()
    except OSError as error:
        raise InputError(f"Cannot read {path}:", f"{error.strerror or error}.", "Check the path.") from error
    except _BROKEN as error:
        raise InputError(f"{path.name} is not a readable pickle:", f"{error}.", "Give another file.") from error


def read_checkpoint(path: str | Path) -> Any:
    """Read a PyTorch checkpoint (the zip format of torch >= 1.6) onto the CPU.

    Returns
    -------
    The object that was saved, with tensors and plain containers as they were and everything else `Inert`.

    Raises
    ------
    InputError
        When the file cannot be read or is not such a checkpoint.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_archive(archive)
    except OSError as error:
        raise InputError(f"Cannot read {path}:", f"{error.strerror or error}.", "Check the path.") from error
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path.name} is not a PyTorch checkpoint:",
            "it is not a zip archive (files of torch before 1.6 are not supported), or it is cut off.",
            "Give a .ckpt or .safetensors file.",
        ) from error
    except _BROKEN as error:
        raise InputError(f"{path.name} is not a readable checkpoint:", f"{error}.", "Give another file.") from error


def plain(value: Any) -> Any:
    """Reduce a configuration object of omegaconf, as `Inert` holds it, to dictionaries, lists and values."""
    if isinstance(value, Inert):
        state = value.state if isinstance(value.state, dict) else {}
        return plain(state.get("_content", state.get("_val")))
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


_BROKEN = (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError)


def _read_archive(archive: zipfile.ZipFile) -> Any:
    names = archive.namelist()
    pickles = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("it holds no data.pkl")
    if archive.getinfo(pickles[0]).file_size > _MAX_PICKLE_BYTES:
        raise ValueError("its data.pkl is far too large")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in names and archive.read(f"{root}byteorder").strip() == b"big":
        raise ValueError("it was written on a big-endian computer")
    storages: dict[str, Tensor] = {}

    def storage(key: str, kind: torch.dtype) -> Tensor:
        if key not in storages:
            content = bytearray(archive.read(f"{root}data/{key}"))
            storages[key] = torch.frombuffer(content, dtype=kind) if content else torch.empty(0, dtype=kind)
        return storages[key]

    return _Reader(io.BytesIO(archive.read(pickles[0])), storage).load()


class _Reader(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, storage: Callable[[str, torch.dtype], Tensor] | None = None) -> None:
        super().__init__(stream)
        self._storage = storage

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        allowed = _ALLOWED.get((module_name, global_name))
        if allowed is not None:
            return allowed
        if module_name == "torch" and global_name in _STORAGE_TYPES:
            return _STORAGE_TYPES[global_name]
        return type(global_name, (Inert,), {"origin": f"{module_name}.{global_name}"})

    def persistent_load(self, pid: Any, /) -> Tensor:
        kind, dtype, key, _location, _count = pid
        if self._storage is None or kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError("it refers to data that is not in the file")
        return self._storage(str(key), dtype)


def _rebuild_tensor(storage: Tensor, offset: int, size: Any, stride: Any, *_rest: Any) -> Tensor:
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    if offset < 0 or any(step < 0 for step in stride) or (math.prod(size) and last >= storage.numel()):
        raise ValueError("a tensor reaches beyond its data")
    return storage.as_strided(tuple(size), tuple(stride), offset)


def _rebuild_parameter(data: Tensor, *_rest: Any) -> Tensor:
    return data


def _rebuild_scalar(kind: Any, content: Any = b"") -> int:
    """Rebuild a NumPy integer, which vocabularies have as keys."""
    code = kind.arguments[0] if isinstance(kind, Inert) and kind.arguments else ""
    if not isinstance(content, bytes) or str(code)[:1] not in {"u", "i"}:
        raise ValueError("it holds numbers of a kind that is not supported")
    return int.from_bytes(content, "little", signed=str(code)[0] == "i")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("numpy.core.multiarray", "scalar"): _rebuild_scalar,
    ("numpy._core.multiarray", "scalar"): _rebuild_scalar,
}
for _module in ("builtins", "__builtin__"):
    _ALLOWED |= {(_module, kind.__name__): kind for kind in (dict, list, tuple, set, frozenset, int, float, str, bool)}
_ALLOWED[("__builtin__", "long")] = int
