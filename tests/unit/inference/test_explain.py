"""What a prediction rests on: the right atoms, in the right unit, whatever the model is made of."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.data.scaling import TaskScale
from mole_engine.inference import explain
from mole_engine.inference.predictor import LoadedModel, load_model
from mole_engine.models.mole import MolE
from mole_engine.store.bundle import Bundle, read_bundle, save_bundle
from mole_engine.training.blend import NETWORK, Blend
from mole_engine.training.parts import fit_part
from mole_engine.training.simple_tables import tables_of

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log mol/L")
BINARY = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
SEVERAL = TaskSpec("phase", TaskKind.MULTICLASS, classes=("gas", "liquid", "solid"))
DRUG = "CC(=O)Nc1ccc(OCCN(C)C)cc1"


def chains() -> list[str]:
    """Return chains of one length: a count then needs no length, which a network reads from the ends of the chain."""
    generator = np.random.default_rng(0)
    return ["".join(generator.choice(list("CCCNO"), size=8)) for _ in range(120)]


def nitrogens(smiles: str) -> int:
    return smiles.count("N") + smiles.count("n")


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], torch.Tensor]:
    """Return weights that have learnt, from nothing, to count nitrogens; pooling "mean" of one layer."""
    from mole_engine.contracts.config import ModelConfig
    from mole_engine.data.batching import Labels, collate
    from mole_engine.data.features import featurise

    vocabulary = Vocabulary.load()
    sizes = {"layers": 1, "hidden_size": 32, "heads": 2, "vocabulary_size": vocabulary.size, "outputs": 1}
    config = ModelConfig(**sizes, hidden_dropout=0.0, attention_dropout=0.0, head_dropout=0.0)
    torch.manual_seed(0)
    model = MolE(config)
    smiles = chains()
    targets = np.array([[nitrogens(text)] for text in smiles], dtype=np.float64)
    features = featurise(smiles, vocabulary)
    batch = collate(features, np.arange(len(smiles)), Labels(targets=targets), vocabulary.pad_id)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (model.predict_batch(batch) - batch.targets).square().mean()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.05
    return sizes, model.state_dict()


@pytest.fixture
def counting(counter: Any, make_card: Any, tmp_path: Any) -> LoadedModel:
    sizes, weights = counter
    card = make_card(model=sizes, scales=(TaskScale(),))
    save_bundle(tmp_path / "counter.mole", weights, card)
    return load_model(tmp_path / "counter.mole", "cpu")


def blended_bundle(
    make_bundle: Any, tasks: Any = (LOGS,), parts: Any = ("kernel", "similar", "extra", "random"), **model: Any
) -> Bundle:
    """Return a network of random weights beside simple models that were fitted on the count of nitrogens."""
    settings = {"descriptors": True, "descriptor_size": 217, **model}
    bundle = read_bundle(make_bundle(tasks=tasks, scales=(TaskScale(mean=1.0, std=2.0),), model=settings))
    smiles = chains()
    vectors = LoadedModel(bundle, "cpu").encode(smiles)
    tables = tables_of(smiles, vectors)
    labels = np.array([[nitrogens(text)] for text in smiles], dtype=np.float64)
    fitted = {name: fit_part(name, tables, labels, tasks, trees=40) for name in parts}
    weights = {NETWORK: 0.2, **dict.fromkeys(parts, 0.8 / len(parts))}
    blend = Blend(tuple(tasks), weights, fitted)
    arrays = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in blend.to_arrays().items()}
    card = replace(bundle.card, blend={**blend.to_dict(), "networks": 1, "tensors": len(arrays)}, format_version=2)
    return Bundle(card, bundle.tensors, arrays)


def test_a_model_that_counts_nitrogens_looks_at_nitrogens(counting: LoadedModel) -> None:
    for found in counting.explain(["CCNCCCCC", "CNCOCNCC", "NCCCCCCN"]):
        values = np.array(found.tasks[0].contributions)
        is_nitrogen = np.array([atom.symbol == "N" for atom in found.atoms])
        assert values[is_nitrogen].min() > 0.4
        assert values[is_nitrogen].min() > 2 * np.abs(values[~is_nitrogen]).max()
        assert found.atoms[found.strongest(found.tasks[0])[0]].symbol == "N"


def test_a_contribution_is_prediction_minus_prediction_without_the_atom(make_bundle: Any) -> None:
    """An atom that is hidden leaves the others as they were: the network under a mask with a hole says the same."""
    model = load_model(make_bundle(scales=(TaskScale(mean=3.0, std=2.0),), model={"pooling": "cls+mean"}), "cpu")
    (found,) = model.explain([DRUG])
    network, vocabulary = model._network, model._vocabulary
    mol = Chem.MolFromSmiles(found.read)
    from mole_engine.chem.distances import relative_positions

    tokens = torch.from_numpy(vocabulary.tokens(mol).astype(np.int64))[None]
    distances = torch.from_numpy(relative_positions(mol))[None]
    keep = [place for place in range(tokens.shape[1]) if place != 5]
    with torch.inference_mode():
        whole = network(tokens, distances, torch.ones_like(tokens, dtype=torch.bool))
        # The token is taken out altogether, rather than masked.
        some = network(tokens[:, keep], distances[:, keep][:, :, keep], torch.ones(1, len(keep), dtype=torch.bool))
    assert found.tasks[0].value == pytest.approx(3 + 2 * float(whole), rel=1e-4)
    assert found.tasks[0].contributions[4] == pytest.approx(2 * float(whole - some), abs=1e-4)
    assert found.tasks[0].unit == "log mol/L"


def test_value_interval_and_similarity_are_those_of_the_table(make_bundle: Any) -> None:
    model = load_model(make_bundle(), "cpu")
    (found,) = model.explain([DRUG])
    row = model.predict([DRUG]).iloc[0]
    task = found.tasks[0]
    assert (task.value, task.lower, task.upper) == pytest.approx(
        (row["logS_pred"], row["logS_lower"], row["logS_upper"]), rel=1e-4
    )
    assert found.similarity == pytest.approx(row["nearest_similarity"])
    assert found.in_domain == row["in_domain"]


def test_an_element_of_no_training_molecule_is_named_and_makes_a_near_molecule_strange(make_bundle: Any) -> None:
    model = load_model(make_bundle(), "cpu")
    near, strange = model.explain(["CCO", "CCO[Se]CCO"])
    assert (near.in_domain, near.unseen, strange.in_domain, strange.unseen) == (True, (), False, ("Se",))
    assert strange.similarity >= model.card.domain.threshold
    assert strange.notes == ("No training molecule has Se: take the prediction as a guess.",)
    assert model.predict(["CCO", "CCO[Se]CCO"])["in_domain"].tolist() == [True, False]


def test_company_and_pieces_change_nothing(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(make_bundle(), "cpu")
    smiles = ["CCO", DRUG, "CC(=O)O"]
    together = model.explain(smiles)
    monkeypatch.setattr(explain, "MOST_TOGETHER", 3)
    for text, item in zip(smiles, together, strict=True):
        (alone,) = model.explain([text])
        np.testing.assert_allclose(alone.tasks[0].contributions, item.tasks[0].contributions, atol=1e-5)


def test_atoms_that_stand_alike_are_asked_about_once(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(make_bundle(), "cpu")
    compute, sizes = model._network.predict_batch, []

    def watched(batch: Any) -> Any:
        sizes.append(len(batch))
        return compute(batch)

    monkeypatch.setattr(model._network, "predict_batch", watched)
    values = model.explain(["Cc1ccccc1"])[0].tasks[0].contributions
    # The molecule itself, methyl, ipso, ortho, meta, para.
    assert sizes == [6]
    assert (values[2], values[3]) == (values[6], values[5])
    assert len(set(values)) == 5
    monkeypatch.setattr(explain, "canonical_ranks", lambda mol: range(mol.GetNumAtoms()))
    np.testing.assert_allclose(model.explain(["Cc1ccccc1"])[0].tasks[0].contributions, values, atol=1e-5)


def test_a_large_molecule_is_done_in_pieces(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(make_bundle(), "cpu")
    compute, pairs = model._network.predict_batch, []

    def watched(batch: Any) -> Any:
        pairs.append(batch.distances.numel())
        return compute(batch)

    monkeypatch.setattr(model._network, "predict_batch", watched)
    monkeypatch.setattr("mole_engine.inference.network._MAX_PAIRS", 40_000)
    (found,) = model.explain(["C" * 90])
    assert max(pairs) <= 40_000
    assert len(pairs) > 1
    assert len(found.tasks[0].contributions) == 90


def test_unreadable_ones_say_why_and_keep_their_place(make_bundle: Any) -> None:
    found = load_model(make_bundle()).explain(["c1ccccc", "CCO", None, "C" * 1001])  # type: ignore[list-item]
    assert [item.error for item in found[:3]] == ["ring 1 is never closed", "", "the cell is empty"]
    assert "1001 heavy atoms" in found[3].error
    assert found[0].tasks == ()
    assert load_model(make_bundle()).explain([]) == []


def test_salts_are_explained_as_the_model_read_them(make_bundle: Any) -> None:
    (found,) = load_model(make_bundle()).explain(["[Na+].[O-]C(C)=O"])
    assert found.read == "CC(=O)O"
    assert [(atom.symbol, atom.given) for atom in found.atoms] == [("C", 3), ("C", 2), ("O", 4), ("O", 1)]
    assert found.atom_name(0) == "C4"
    (note,) = found.notes
    assert note.startswith("The model read 'CC(=O)O': removed '[Na+]'")
    assert "neutralised" in note


def test_a_single_atom(make_bundle: Any) -> None:
    (found,) = load_model(make_bundle(model={"pooling": "mean"})).explain(["C"])
    assert len(found.tasks[0].contributions) == 1
    assert math.isfinite(found.tasks[0].contributions[0])


def test_a_log_target_is_told_in_factors(make_bundle: Any) -> None:
    scale = TaskScale(transform="log10", mean=1.0, std=0.5, low=1e-3)
    model = load_model(make_bundle(scales=(scale,)), "cpu")
    plain = load_model(make_bundle("plain.mole", scales=(TaskScale(std=0.5),)), "cpu")
    task = model.explain([DRUG])[0].tasks[0]
    assert task.scale == "log10"
    assert task.unit == ""
    np.testing.assert_allclose(task.contributions, plain.explain([DRUG])[0].tasks[0].contributions, atol=1e-6)
    assert task.words(math.log10(2)) == "×2.00"
    assert task.words(-math.log10(2)) == "÷2.00"


def test_other_transforms_are_told_in_the_unit(make_bundle: Any) -> None:
    scale = TaskScale(transform="logit", std=2.0, low=1e-3, high=1 - 1e-3)
    model = load_model(make_bundle(scales=(scale,)), "cpu")
    task = model.explain([DRUG])[0].tasks[0]
    assert task.scale == ""
    assert 0 < task.value < 1
    assert max(abs(value) for value in task.contributions) < 1


def test_classes_are_told_as_probabilities(make_bundle: Any) -> None:
    model = load_model(make_bundle(tasks=(BINARY, SEVERAL), scales=(None, None), uncertainty={}), "cpu")
    row = model.predict([DRUG]).iloc[0]
    two, several = model.explain([DRUG])[0].tasks
    assert (two.label, several.label) == ("yes", row["phase_class"])
    assert two.value == pytest.approx(row["toxic_pred"], abs=1e-6)
    assert several.value == pytest.approx(row[f"phase_prob_{several.label}"], abs=1e-6)
    assert all(abs(value) <= 1 for value in two.contributions)
    assert np.abs(two.contributions).max() > 0


def test_one_target_of_several(make_bundle: Any) -> None:
    model = load_model(make_bundle(tasks=(BINARY, LOGS), scales=(None, TaskScale()), uncertainty={}))
    both = model.explain(["CCO"])[0]
    (one,) = model.explain(["CCO"], "logS")[0].tasks
    # NaN equals nothing, so that their words are compared.
    assert repr(one) == repr(both.tasks[1])
    with pytest.raises(InputError, match="does not predict 'logP'"):
        model.explain(["CCO"], "logP")


def test_small_contributions_do_not_look_large(make_bundle: Any) -> None:
    path = make_bundle(scales=(TaskScale(std=10.0),))
    bundle = read_bundle(path)
    flat = {name: torch.zeros_like(value) if "classifier" in name else value for name, value in bundle.tensors.items()}
    task = LoadedModel(Bundle(bundle.card, flat), "cpu").explain(["CCO"])[0].tasks[0]
    assert task.contributions == (0.0, 0.0, 0.0)
    assert task.reach == pytest.approx(0.5)


@pytest.mark.parametrize("parts", [("similar",), ("extra",), ("kernel",), ("random",)])
def test_each_part_of_a_blend_shows_its_nitrogens(make_bundle: Any, parts: Any) -> None:
    """Fingerprints and descriptors alike: no part answers for an atom that is hidden."""
    model = LoadedModel(blended_bundle(make_bundle, parts=parts), "cpu")
    gaps = []
    for found in model.explain(["CCNCCCCC", "CCOCNCCC"]):
        values = {atom.symbol: [] for atom in found.atoms}
        for atom, value in zip(found.atoms, found.tasks[0].contributions, strict=True):
            values[atom.symbol].append(value)
        gaps.append(np.mean(values["N"]) - np.mean(values["C"]))
    assert min(gaps) > 0.2


def test_a_blend_is_recombined_as_in_a_prediction(make_bundle: Any) -> None:
    model = LoadedModel(blended_bundle(make_bundle), "cpu")
    row = model.predict([DRUG]).iloc[0]
    task = model.explain([DRUG])[0].tasks[0]
    assert task.value == pytest.approx(row["logS_pred"], rel=1e-4)
    assert task.lower == pytest.approx(row["logS_lower"], rel=1e-4)


def test_a_blend_whose_network_reads_no_descriptors(make_bundle: Any) -> None:
    model = LoadedModel(blended_bundle(make_bundle, descriptors=False, descriptor_size=0), "cpu")
    assert model.explain(["CCO"])[0].tasks[0].value == pytest.approx(model.predict(["CCO"])["logS_pred"][0], rel=1e-4)


def test_an_encoder_alone_explains_nothing(make_bundle: Any) -> None:
    bundle = read_bundle(make_bundle())
    from mole_engine.data.scaling import TargetScaler

    card = replace(bundle.card, tasks=(), scaler=TargetScaler(()).to_dict(), uncertainty={})
    with pytest.raises(InputError, match="has no prediction head"):
        LoadedModel(Bundle(card, bundle.tensors), "cpu").explain(["CCO"])


def test_progress_ascends_and_cancel_unwinds(make_bundle: Any) -> None:
    model = LoadedModel(blended_bundle(make_bundle, parts=("similar",)), "cpu")
    seen: list[tuple[int, int]] = []
    model.explain(["CCO", "CCN"], on_progress=lambda stage, done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (200, 200)

    def cancel(stage: str, done: int, total: int) -> None:
        if done > 10:
            raise Cancelled

    with pytest.raises(Cancelled):
        model.explain(["CCO", "CCN"], on_progress=cancel)
