"""Models made before descriptors were appended: they say what they said, whatever stands in the new columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mole_engine.chem import descriptors as chem
from mole_engine.contracts.errors import InputError
from mole_engine.export.checkpoints import export_checkpoint, export_safetensors
from mole_engine.inference.predictor import LoadedModel, load_model
from mole_engine.store.bundle import Bundle, read_bundle, save_bundle
from mole_engine.training.blend import NETWORK, Blend
from mole_engine.training.parts import DESCRIPTORS, fit_part
from mole_engine.training.simple_tables import tables_of

SMILES = ["CCO", "c1ccccc1O", "CC(=O)N", "CCCCN", "OCC(O)CO", "c1ccncc1", "CCOC(C)=O", "ClCCl", "CC#N", "CCCCCC"]
PARTS = ("kernel", "additive", "extra", "random", "boosting")


def blended(make_bundle: Any, network: int, quick: int) -> Bundle:
    """Return a model whose network and simple models know that many descriptors, out of all and of the quick ones."""
    bundle = read_bundle(make_bundle(model={"descriptors": True, "descriptor_size": network}))
    tables = tables_of(SMILES, LoadedModel(bundle, "cpu").encode(SMILES))
    tables[DESCRIPTORS] = tables[DESCRIPTORS][:, :quick]
    labels = np.arange(len(SMILES), dtype=np.float64)[:, None]
    fitted = {name: fit_part(name, tables, labels, bundle.card.tasks, trees=20) for name in PARTS}
    weights = {NETWORK: 0.5, **dict.fromkeys(PARTS, 0.5 / len(PARTS))}
    blend = Blend(bundle.card.tasks, weights, fitted, descriptors=quick)
    arrays = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in blend.to_arrays().items()}
    content = {**blend.to_dict(), "networks": 1, "tensors": len(arrays)}
    return Bundle(replace(bundle.card, blend=content, format_version=3), bundle.tensors, arrays)


def of_before(bundle: Bundle) -> Bundle:
    """Return the bundle as format 2 wrote it: nothing is said of how many descriptors there are."""
    content = {key: value for key, value in bundle.card.blend.items() if key not in ("descriptors", "columns")}
    return Bundle(replace(bundle.card, blend=content, format_version=2), bundle.tensors, bundle.blend)


def values(bundle: Bundle) -> np.ndarray:
    model = LoadedModel(bundle, "cpu")
    explained = [item.tasks[0].contributions for item in model.explain(SMILES[:3])]
    return np.concatenate([model.predict(SMILES)["logS_pred"].to_numpy(), *explained])


def test_new_columns_do_not_reach_a_model_that_does_not_know_them(
    make_bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = of_before(blended(make_bundle, len(chem.rdkit_descriptor_names()), len(chem.quick_rdkit_descriptor_names())))
    new = blended(make_bundle, len(chem.descriptor_names()), len(chem.quick_descriptor_names()))
    before = values(old), values(new)
    monkeypatch.setattr(chem, "solvation_row", lambda mol, hidden=(): [1.0 + len(hidden)] * len(chem.solvation_names()))
    np.testing.assert_array_equal(values(old), before[0])
    assert np.abs(values(new) - before[1]).max() > 0.01


def test_descriptors_of_another_rdkit_are_refused(make_bundle: Any) -> None:
    with pytest.raises(InputError, match=r"reads 200 descriptors.*made with RDKit 2020\.1"):
        load_model(make_bundle(model={"descriptors": True, "descriptor_size": 200}, versions={"rdkit": "2020.1"}))


def test_simple_models_refuse_descriptors_of_another_rdkit(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many, but not the same: they are sorted by name, so that a new one moves those behind it."""
    bundle = blended(make_bundle, len(chem.descriptor_names()), len(chem.quick_descriptor_names()))
    names = chem.quick_descriptor_names()
    LoadedModel(bundle, "cpu")
    monkeypatch.setattr(chem, "quick_descriptor_names", lambda: ("AnotherIndex", *names[:-1]))
    with pytest.raises(InputError, match="descriptors that are not those of this version"):
        LoadedModel(bundle, "cpu")


@pytest.mark.parametrize("kind", ["ckpt", "safetensors"])
def test_a_blend_is_exported_whole(make_bundle: Any, tmp_path: Path, kind: str) -> None:
    bundle = blended(make_bundle, len(chem.descriptor_names()), len(chem.quick_descriptor_names()))
    save_bundle(tmp_path / "blend.mole", bundle.tensors, bundle.card, bundle.blend)
    out = tmp_path / f"blend.{kind}"
    if kind == "ckpt":
        export_checkpoint(tmp_path / "blend.mole", out)
        content = torch.load(out, weights_only=True)
        found = {**content["state_dict"], **content["blend"]}
        assert content["state_dict"].keys() == bundle.tensors.keys()
    else:
        export_safetensors(tmp_path / "blend.mole", out)
        found = load_file(out)
    assert all(torch.equal(found[name], value) for name, value in {**bundle.tensors, **bundle.blend}.items())
