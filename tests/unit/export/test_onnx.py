"""ONNX files: they predict what the model predicts, through the same door."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import BugError, InputError
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.export import onnx as onnx_export
from mole_engine.export.onnx import export_onnx
from mole_engine.inference.predictor import load_model
from mole_engine.models.mole import MolE
from mole_engine.store.bundle import save_bundle
from mole_engine.store.card import ModelCard

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

TASKS = (
    TaskSpec("solubility", TaskKind.REGRESSION, "mol/L"),
    TaskSpec("active", TaskKind.CLASSIFICATION, "", ("n", "y")),
)
SMILES = ["CCO", "not a molecule", "c1ccc2ccccc2c1", "CC(=O)[O-].[Na+]", "C" * 90]


def bundle(path: Path, **model: Any) -> Path:
    """Write a bundle with random weights large enough that every part of the network shows in the outputs."""
    torch.manual_seed(0)
    sizes = {"layers": 1, "hidden_size": 32, "heads": 4, "vocabulary_size": Vocabulary.load().size, "outputs": 2}
    config = TrainConfig.from_dict({"model": {**sizes, "initializer_range": 0.3, "pooling": "cls+mean", **model}})
    network = MolE(config.model)
    card = ModelCard(
        name="random",
        created=time.time(),
        config=config.to_dict(),
        tasks=TASKS,
        scaler=TargetScaler((TaskScale("log10", mean=-1.0, std=2.0, low=1e-6), None)).to_dict(),
        vocabulary=Vocabulary.load().to_dict(),
    )
    save_bundle(path, network.state_dict(), card)
    return path


@pytest.fixture(autouse=True)
def _no_monitor(monkeypatch):
    # The exporter shows a bar for what takes long, and tqdm's monitor thread would outlive the test.
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("onnx")
    source, target = bundle(folder / "model.mole"), folder / "model.onnx"
    assert export_onnx(source, target) < 1e-5
    return source, target


def test_the_file_predicts_what_the_bundle_predicts(exported: tuple[Path, Path]) -> None:
    ours, theirs = (load_model(path, "cpu").predict(SMILES) for path in exported)
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-4)
    assert theirs["error"].tolist()[1]
    assert theirs["solubility_pred"].notna().tolist() == [True, False, True, True, True]


def test_the_vectors_of_all_layers_go_into_the_file(tmp_path: Path) -> None:
    source, target = bundle(tmp_path / "model.mole", layers=2, pooling="layers"), tmp_path / "model.onnx"
    assert export_onnx(source, target) < 1e-5
    ours, theirs = (load_model(path, "cpu").encode(SMILES) for path in (source, target))
    assert theirs.shape == (len(SMILES), 2 * 2 * 32)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_file_encodes_what_the_bundle_encodes(exported: tuple[Path, Path]) -> None:
    ours, theirs = (load_model(path, "cpu").encode(SMILES) for path in exported)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_file_explains_as_the_bundle_does(exported: tuple[Path, Path]) -> None:
    ours, theirs = (load_model(path, "cpu").explain(["CCO", "c1ccc2ccccc2c1"]) for path in exported)
    for mine, other in zip(ours, theirs, strict=True):
        for first, second in zip(mine.tasks, other.tasks, strict=True):
            np.testing.assert_allclose(first.contributions, second.contributions, atol=1e-4)
    assert np.abs(ours[0].tasks[0].contributions).max() > 0.01


def test_the_file_carries_the_card(exported: tuple[Path, Path]) -> None:
    ours, theirs = (load_model(path, "cpu").card for path in exported)
    assert ours == theirs


@pytest.mark.parametrize("known", ["all", "those of RDKit"])
def test_a_model_with_descriptors_is_exported_too(known: str, tmp_path: Path) -> None:
    from mole_engine.chem.descriptors import descriptor_names, rdkit_descriptor_names

    size = len(descriptor_names() if known == "all" else rdkit_descriptor_names())
    source = bundle(tmp_path / "hybrid.mole", descriptors=True, descriptor_size=size)
    export_onnx(source, tmp_path / "hybrid.onnx")
    ours, theirs = (load_model(tmp_path / f"hybrid.{kind}", "cpu") for kind in ("mole", "onnx"))
    pd.testing.assert_frame_equal(ours.predict(SMILES), theirs.predict(SMILES), rtol=1e-3)
    np.testing.assert_allclose(ours.encode(SMILES), theirs.encode(SMILES), atol=1e-4)


def test_a_file_that_computes_something_else_is_not_written(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OfOtherWeights:
        model = SimpleNamespace(metadata_props={})

        def save(self, path: str) -> None:
            shutil.copyfile(exported[1], path)

    monkeypatch.setattr(onnx_export, "_program", lambda network, batch: OfOtherWeights())
    with pytest.raises(BugError, match="does not compute"):
        export_onnx(bundle(tmp_path / "model.mole", initializer_range=0.2), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_other_files_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    with pytest.raises(InputError, match="no model file"):
        load_model(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"other\.onnx is not a readable"):
        load_model(path)


def test_a_foreign_model_is_refused_in_words(tmp_path: Path) -> None:
    import onnx

    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [value], [other])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match="not exported by MolE Studio"):
        load_model(tmp_path / "foreign.onnx")


def test_it_is_computed_on_the_cpu(exported: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mole_engine.inference.predictor.choose_device", torch.device)
    with pytest.raises(InputError, match="on the CPU"):
        load_model(exported[1], "cuda")
