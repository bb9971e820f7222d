"""Windows moves and removes no file that somebody has open: a virus scanner for a moment, a spreadsheet for longer."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mole_engine.contracts import paths
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.contracts.paths import remove
from mole_engine.data import downloads
from mole_engine.data.feature_cache import FeatureCache
from mole_engine.inference.table_writers import open_writer
from mole_engine.store.bundle import read_bundle
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.runs import Workspace
from mole_engine.training.fitting import FitResult
from mole_engine.training.members import is_trained, write_member

Refuse = Callable[..., list[str]]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Return a function that makes so many calls of a method of paths fail as under Windows; it returns their names."""
    monkeypatch.setattr(paths, "REFUSES_WHAT_IS_OPEN", True)
    monkeypatch.setattr(paths.time, "sleep", lambda seconds: None)

    def refuse(method: str, times: int) -> list[str]:
        original = getattr(Path, method)
        asked: list[str] = []

        def call(path: Path, *arguments: Any, **options: Any) -> Any:
            asked.append(path.name)
            if len(asked) <= times:
                error = PermissionError(errno.EACCES, "Access is denied", str(path))
                error.winerror = 32
                raise error
            return original(path, *arguments, **options)

        monkeypatch.setattr(Path, method, call)
        return asked

    return refuse


@pytest.fixture
def trained(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.make()
    folder.best_checkpoint.write_bytes(b"best")
    folder.last_checkpoint.write_bytes(b"last")
    return folder


def test_a_file_is_removed_once_nobody_looks_at_it(refused: Refuse, trained: RunFolder) -> None:
    asked = refused("unlink", 3)
    trained.drop_resume_state()
    assert not trained.last_checkpoint.exists()
    assert asked == ["last.ckpt"] * 4


def test_what_stays_in_use_is_told_to_who_removes_it(refused: Refuse, trained: RunFolder) -> None:
    refused("unlink", 1000)
    with pytest.raises(PermissionError):
        remove(trained.last_checkpoint)


def test_a_state_that_cannot_be_removed_does_not_fail_a_run_that_is_done(refused: Refuse, trained: RunFolder) -> None:
    refused("unlink", 1000)
    trained.drop_resume_state()
    assert trained.last_checkpoint.is_file()


def test_nor_does_one_of_a_network_of_several(refused: Refuse, trained: RunFolder) -> None:
    fit = FitResult(epochs=1, kept_epoch=1, best_epoch=1, best_value=0.5, monitor="loss")
    refused("unlink", 1000)
    write_member(trained.path, torch.nn.Linear(2, 1), fit)
    assert is_trained(trained.path)


@pytest.fixture
def listed(tmp_path: Path) -> tuple[Workspace, str]:
    workspace = Workspace(tmp_path / "workspace")
    return workspace, workspace.create(TrainConfig(name="mine")).path.name


def test_a_run_goes_to_the_trash_once_nobody_looks_at_its_files(refused: Refuse, listed: tuple[Workspace, str]) -> None:
    workspace, name = listed
    refused("rename", 3)
    workspace.delete(name)
    assert (workspace.trash.path / name).is_dir()
    assert not (workspace.runs / name).exists()


def test_a_run_whose_files_are_open_stays_and_says_why(refused: Refuse, listed: tuple[Workspace, str]) -> None:
    workspace, name = listed
    refused("rename", 1000)
    with pytest.raises(InputError, match=r"another program has a file in .* open") as caught:
        workspace.delete(name)
    assert str(workspace.runs / name) in str(caught.value)
    assert (workspace.runs / name).is_dir()


def test_a_run_is_dropped_for_good_with_the_same_words(
    refused: Refuse, listed: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mole_engine.store import trash

    workspace, name = listed
    workspace.delete(name)
    original, tries = trash.shutil.rmtree, []

    def rmtree(path: Path) -> None:
        tries.append(path)
        if len(tries) <= 8:
            error = PermissionError(errno.EACCES, "The process cannot access the file", str(path))
            error.winerror = 32
            raise error
        original(path)

    monkeypatch.setattr(trash.shutil, "rmtree", rmtree)
    # Not of a folder's own removal alone: eight tries are all that it makes.
    monkeypatch.setattr(paths, "REFUSES_WHAT_IS_OPEN", True)
    with pytest.raises(InputError, match="another program"):
        workspace.trash.drop(name)
    workspace.trash.drop(name)
    assert not (workspace.trash.path / name).exists()


def test_a_folder_in_place_of_a_model_is_called_one_where_it_is_a_matter_of_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mole_engine.store import bundle

    def open_folder(path: Path) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(bundle.zipfile, "ZipFile", open_folder)
    with pytest.raises(InputError, match="is a folder, not a model file"):
        read_bundle(tmp_path)
    (tmp_path / "model.mole").touch()
    with pytest.raises(InputError, match="permission denied"):
        read_bundle(tmp_path / "model.mole")


def test_a_download_waits_for_the_scanner_that_looks_at_it(
    refused: Refuse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_download", lambda url, path, part, report: part.write_bytes(b"smiles\nCCO\n"))
    asked = refused("replace", 3)
    place = downloads.fetch("https://example.org/set.csv", tmp_path / "set.csv")
    assert place.read_bytes() == b"smiles\nCCO\n"
    assert asked == ["set.csv.part"] * 4


def test_features_that_can_neither_be_kept_nor_removed_do_not_stop_the_work(refused: Refuse, tmp_path: Path) -> None:
    refused("replace", 1000)
    refused("unlink", 1000)
    FeatureCache(tmp_path).save("a" * 64, {"tokens": np.zeros(3)}, {})
    assert not list(tmp_path.glob("features-*.npz"))


def test_features_are_kept_once_the_scanner_is_done(refused: Refuse, tmp_path: Path) -> None:
    refused("replace", 3)
    cache = FeatureCache(tmp_path)
    cache.save("a" * 64, {"tokens": np.zeros(3)}, {})
    assert cache.load("a" * 64) is not None


def test_a_table_that_is_given_up_is_closed_before_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    done: list[str] = []
    close, unlink = pq.ParquetWriter.close, Path.unlink

    def closes(writer: Any) -> None:
        done.append("close")
        close(writer)

    def removes(path: Path, missing_ok: bool = False) -> None:
        done.append("remove")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(pq.ParquetWriter, "close", closes)
    monkeypatch.setattr(Path, "unlink", removes)

    def begin_and_give_up() -> None:
        with open_writer(tmp_path / "out.parquet", frozenset()) as writer:
            writer.write(pd.DataFrame({"smiles": ["CCO"]}))
            raise Cancelled

    with pytest.raises(Cancelled):
        begin_and_give_up()
    assert done[:2] == ["close", "remove"]
    assert list(tmp_path.iterdir()) == []
