"""Strangers' pickles: tensors and plain containers come out, nothing is run."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mole_engine.contracts.errors import InputError
from mole_engine.store.safe_pickle import Inert, plain, read_checkpoint, read_pickle


class Bomb:
    """Runs a command when it is unpickled in the ordinary way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


class Setting:
    """A configuration object of some library."""

    def __init__(self, content: Any) -> None:
        self._content = content


def test_tensors_come_out_as_they_were(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    content = {
        "whole": base,
        "view": base[1:, ::2],
        "transposed": base.t(),
        "half": base.half(),
        "counts": torch.tensor([1, 2]),
        "empty": torch.zeros(0),
        "scalar": torch.tensor(3.5),
        "parameter": torch.nn.Parameter(base.clone()),
        "nested": OrderedDict(a=[1, (2, "three"), {4.0}], b=None),
    }
    torch.save(content, tmp_path / "some.ckpt")
    found = read_checkpoint(tmp_path / "some.ckpt")
    assert found["nested"] == content["nested"]
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(found[name], value), name
            assert found[name].dtype == value.dtype


@pytest.mark.parametrize("as_checkpoint", [True, False])
def test_nothing_is_run(tmp_path: Path, as_checkpoint: bool) -> None:
    target, path = tmp_path / "ran", tmp_path / "hostile"
    content = {"weights": Bomb(target), "state_dict": {"a": 1}}
    if as_checkpoint:
        torch.save(content, path)
        found = read_checkpoint(path)
    else:
        path.write_bytes(pickle.dumps(content))
        found = read_pickle(path)
    assert not target.exists()
    assert isinstance(found["weights"], Inert)
    assert found["weights"].origin.endswith(".system")
    assert found["state_dict"] == {"a": 1}


@pytest.mark.parametrize("name", ["eval", "exec", "getattr", "__import__", "open", "compile"])
def test_functions_of_python_itself_are_inert(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.pkl"
    path.write_bytes(b"cbuiltins\n" + name.encode() + b"\n(S'1+1'\ntR.")
    assert isinstance(read_pickle(path), Inert)


def test_configuration_objects_become_plain(tmp_path: Path) -> None:
    inner = Setting({"heads": Setting(4), "names": Setting([Setting("a"), "b"])})
    torch.save({"hyper_parameters": inner}, tmp_path / "some.ckpt")
    found = read_checkpoint(tmp_path / "some.ckpt")["hyper_parameters"]
    assert isinstance(found, Inert)
    assert plain(found) == {"heads": 4, "names": ["a", "b"]}


def test_numpy_keys_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.pkl"
    path.write_bytes(pickle.dumps({np.uint32(3387315712): np.int64(1)}))
    assert read_pickle(path) == {3387315712: 1}


def test_a_tensor_cannot_reach_beyond_its_data(tmp_path: Path) -> None:
    torch.save({"a": torch.arange(4.0)}, tmp_path / "good.ckpt")
    with zipfile.ZipFile(tmp_path / "good.ckpt") as good, zipfile.ZipFile(tmp_path / "bad.ckpt", "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            bad.writestr(name, content[:8] if name.endswith("/data/0") else content)
    with pytest.raises(InputError, match="beyond its data"):
        read_checkpoint(tmp_path / "bad.ckpt")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off", b"\x80\x04."])
def test_other_files_are_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    for read in (read_checkpoint, read_pickle):
        with pytest.raises(InputError, match=r"other\.ckpt"):
            read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_checkpoint, read_pickle):
        with pytest.raises(InputError, match="nowhere"):
            read(tmp_path / "nowhere")


def test_a_zip_without_a_pickle_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match=r"data\.pkl"):
        read_checkpoint(tmp_path / "other.zip")
