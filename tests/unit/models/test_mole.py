"""MolE as users rely on it: the same molecule gives the same prediction, however it is written or batched."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from torch import Tensor

from mole_engine.chem.distances import relative_positions
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import ModelConfig
from mole_engine.models import network as module
from mole_engine.models.encoder import Encoder
from mole_engine.models.mole import MolE, head_input_size, pool
from mole_engine.nn import bert

SMILES = (
    "C",
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "[Na+].[O-]C(=O)c1ccccc1",
    "C1CC1.C1CC1.Cl",
    "CCCCCCCCCCCCCCCCCCCCCCCC",
    "OC1C(O)C(O)C(O)C(O)C1O",
    "[2H]C([2H])([2H])Oc1ccc2nccc(N)c2c1",
)
EXACT = 1e-5


@lru_cache
def vocabulary() -> Vocabulary:
    return Vocabulary.load()


def config(**changes: object) -> ModelConfig:
    sizes = {"layers": 2, "hidden_size": 32, "heads": 4, "vocabulary_size": vocabulary().size, "outputs": 2}
    return ModelConfig.model_validate(sizes | changes)


@lru_cache
def network(pooling: str = "cls+mean") -> MolE:
    torch.manual_seed(3)
    # Large weights, so that a difference in attention shows in the outputs.
    return MolE(config(pooling=pooling, initializer_range=0.2)).eval()


def features(mol: Chem.Mol) -> tuple[np.ndarray, np.ndarray]:
    return vocabulary().tokens(mol), relative_positions(mol)


def batch(molecules: list[Chem.Mol], padding: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    parts = [features(mol) for mol in molecules]
    width = max(len(tokens) for tokens, _ in parts) + padding
    tokens = torch.zeros(len(parts), width, dtype=torch.long)
    distances = torch.zeros(len(parts), width, width, dtype=torch.uint8)
    for row, (own, positions) in enumerate(parts):
        tokens[row, : len(own)] = torch.from_numpy(own.astype(np.int64))
        distances[row, : len(own), : len(own)] = torch.from_numpy(positions)
    return tokens, distances, tokens != 0


def predict(molecules: list[Chem.Mol], padding: int = 0, pooling: str = "cls+mean") -> Tensor:
    with torch.no_grad():
        return network(pooling)(*batch(molecules, padding))


@given(place=st.integers(0, len(SMILES) - 1), random=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_atoms_does_not_matter(place: int, random: object) -> None:
    mol = Chem.MolFromSmiles(SMILES[place])
    order = list(range(mol.GetNumAtoms()))
    random.shuffle(order)
    torch.testing.assert_close(predict([mol]), predict([Chem.RenumberAtoms(mol, order)]), atol=EXACT, rtol=0)


@given(
    places=st.lists(st.integers(0, len(SMILES) - 1), min_size=1, max_size=5),
    padding=st.integers(0, 9),
    pooling=st.sampled_from(["cls", "mean", "cls+mean", "layers"]),
)
@settings(max_examples=25, deadline=None)
def test_padding_and_company_do_not_matter(places: list[int], padding: int, pooling: str) -> None:
    molecules = [Chem.MolFromSmiles(SMILES[place]) for place in places]
    together = predict(molecules, padding, pooling)
    alone = torch.cat([predict([mol], pooling=pooling) for mol in molecules])
    torch.testing.assert_close(together, alone, atol=EXACT, rtol=0)


def test_different_molecules_differ() -> None:
    found = predict([Chem.MolFromSmiles(smiles) for smiles in SMILES])
    distances = torch.cdist(found, found) + torch.eye(len(SMILES)) * 100
    assert distances.min() > 100 * EXACT


def test_what_stands_in_padding_never_leaks() -> None:
    tokens, distances, mask = batch([Chem.MolFromSmiles(smiles) for smiles in SMILES[:3]], padding=4)
    with torch.no_grad():
        clean = network()(tokens, distances, mask)
        dirty = network()(tokens.where(mask, torch.tensor(7)), distances, mask)
    torch.testing.assert_close(clean, dirty, atol=EXACT, rtol=0)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int64])
def test_distances_may_be_of_any_integer_type(kind: torch.dtype) -> None:
    tokens, distances, mask = batch([Chem.MolFromSmiles(SMILES[1])])
    with torch.no_grad():
        assert torch.equal(network()(tokens, distances, mask), network()(tokens.int(), distances.to(kind), mask))


def test_both_attention_paths_agree() -> None:
    inputs = batch([Chem.MolFromSmiles(smiles) for smiles in SMILES])
    with torch.no_grad():
        fused = network()(*inputs)
    torch.testing.assert_close(network()(*inputs).detach(), fused, atol=EXACT, rtol=0)


def test_mean_pooling_leaves_out_cls_and_padding() -> None:
    hidden = torch.tensor([[[100.0], [1.0], [3.0], [float("nan")]]])
    mask = torch.tensor([[True, True, True, False]])
    assert pool(hidden, mask, "mean").tolist() == [[2.0]]
    assert pool(hidden, mask, "cls").tolist() == [[100.0]]
    assert pool(hidden, mask, "cls+mean").tolist() == [[100.0, 2.0]]


@pytest.mark.parametrize("pooling", ["cls", "mean", "cls+mean", "layers"])
def test_encode_gives_what_the_head_reads(pooling: str) -> None:
    model, inputs = network(pooling), batch([Chem.MolFromSmiles("CCO")])
    with torch.no_grad():
        vector = model.encode(*inputs)
        assert vector.shape == (1, head_input_size(model.config))
        assert torch.equal(model.head(vector), model(*inputs))


@pytest.mark.parametrize("packed", [True, False])
def test_the_vectors_of_all_layers_are_those_after_each(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    monkeypatch.setattr(bert, "PACKED", packed)
    model, inputs = network("layers"), batch([Chem.MolFromSmiles(smiles) for smiles in SMILES], padding=2)
    tokens, distances, mask = inputs
    encoder = model.encoder
    with torch.no_grad():
        found = model.encode(*inputs)
        whole = list(encoder.encoder.layers)
        for count in (1, 2):
            encoder.encoder.layers = torch.nn.ModuleList(whole[:count])
            own = pool(encoder(tokens, distances, mask), mask, "cls+mean")
            encoder.encoder.layers = torch.nn.ModuleList(whole)
            torch.testing.assert_close(found[:, 64 * (count - 1) : 64 * count], own, atol=EXACT, rtol=0)


@pytest.mark.parametrize("activation", ["gelu", "relu", "silu", "tanh"])
def test_activations_reach_layers_and_head(activation: str) -> None:
    model = MolE(config(activation=activation))
    names = {type(model.head.activation).__name__.lower()}
    names |= {type(layer.activation).__name__.lower() for layer in model.encoder.encoder.layers}
    assert names == {activation}


def test_dropouts_act_in_training_only() -> None:
    inputs = batch([Chem.MolFromSmiles(SMILES[1])])
    still = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "head_dropout": 0.0}
    for name in still:
        model = MolE(config(initializer_range=0.4, **(still | {name: 0.5})))
        assert not torch.equal(model(*inputs), model(*inputs)), name
        model.eval()
        assert torch.equal(model(*inputs), model(*inputs)), name
    assert torch.equal(*(MolE.forward(seeded, *inputs) for seeded in [MolE(config(**still))] * 2))


def test_initial_weights_have_the_deviation_asked_for() -> None:
    model = MolE(config(initializer_range=0.05, hidden_size=64))
    for name, values in model.named_parameters():
        if values.ndim == 2 and values.numel() > 2000:
            assert float(values.detach().std()) == pytest.approx(0.05, rel=0.1), name
        elif name.endswith("bias"):
            assert not values.any(), name


@pytest.mark.parametrize("missing", ["vocabulary_size", "outputs"])
def test_sizes_must_be_filled_in(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        MolE(config(**{missing: 0}))


def test_encoder_is_the_same_function_inside_and_outside() -> None:
    inputs = batch([Chem.MolFromSmiles("CCO")])
    encoder = Encoder(config(pooling="cls+mean", initializer_range=0.2)).eval()
    encoder.load_state_dict(network().encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(encoder(*inputs), network().encoder(*inputs))


class TestDescriptors:
    """The hybrid head: descriptors stand beside the pooled states, standardised on the training part."""

    @staticmethod
    def model() -> MolE:
        torch.manual_seed(0)
        model = MolE(config(descriptors=True, descriptor_size=3, initializer_range=0.4)).eval()
        model.fit_descriptors(torch.tensor([[0.0, 1.0, 5.0], [2.0, float("nan"), 5.0], [4.0, 3.0, 5.0]]))
        return model

    def test_standardisation_leaves_gaps_aside(self) -> None:
        model = self.model()
        assert model.descriptor_mean.tolist() == [2.0, 2.0, 5.0]
        assert model.standardise(torch.tensor([[2.0, 3.0, 5.0]])).tolist() == [[0.0, 1.0, 0.0]]

    def test_missing_and_wild_values_are_tamed(self) -> None:
        wild = torch.tensor([[float("nan"), 1e30, float("-inf")]])
        assert self.model().standardise(wild).tolist() == [[0.0, 4.0, -4.0]]

    def test_a_single_outlier_does_not_flatten_the_rest(self) -> None:
        torch.manual_seed(0)
        model = MolE(config(descriptors=True, descriptor_size=1))
        values = torch.randn(500, 1)
        values[7] = 1e12
        model.fit_descriptors(values)
        assert model.descriptor_scale.item() == pytest.approx(1.0, abs=0.15)
        assert abs(model.descriptor_mean.item()) < 0.15

    def test_a_wide_table_is_measured_some_columns_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = torch.randn(50, 11, generator=torch.Generator().manual_seed(0))
        values[::7, 3], values[:, 5] = float("nan"), 2.0
        once, blocks = (MolE(config(descriptors=True, descriptor_size=11)) for _ in range(2))
        once.fit_descriptors(values)
        widths: list[int] = []
        measured = module._measured
        monkeypatch.setattr(module, "_measured", lambda part: widths.append(part.shape[1]) or measured(part))
        monkeypatch.setattr(module, "_COLUMNS", 4)
        blocks.fit_descriptors(values)
        assert widths == [4, 4, 3]
        assert torch.equal(blocks.descriptor_mean, once.descriptor_mean)
        assert torch.equal(blocks.descriptor_scale, once.descriptor_scale)

    def test_the_encoders_vectors_can_be_standardised_too(self) -> None:
        model = MolE(config(standardise_pooled=True, initializer_range=0.4)).eval()
        vectors = model.encode(*batch([Chem.MolFromSmiles(text) for text in ("CCO", "c1ccccc1", "CC(N)=O", "CCCl")]))
        before = model.read_out(vectors)
        model.fit_pooled(vectors)
        assert not torch.allclose(model.read_out(vectors), before)
        shifted = (vectors - model.pooled_mean) / model.pooled_scale
        torch.testing.assert_close(model.read_out(vectors), model.head(shifted.clamp(-4, 4)))

    def test_they_reach_the_logits(self) -> None:
        model, inputs = self.model(), batch([Chem.MolFromSmiles("CCO")])
        low, high = (model(*inputs, torch.tensor([[value, 2.0, 5.0]])) for value in (0.0, 4.0))
        assert not torch.allclose(low, high)

    def test_they_are_asked_for(self) -> None:
        with pytest.raises(ValueError, match="descriptors"):
            self.model()(*batch([Chem.MolFromSmiles("CCO")]))
        with pytest.raises(ValueError, match="descriptor_size"):
            MolE(config(descriptors=True))

    def test_the_scaling_travels_with_the_weights(self) -> None:
        again = MolE(config(descriptors=True, descriptor_size=3))
        again.load_state_dict(self.model().state_dict(), strict=True)
        assert again.descriptor_mean.tolist() == [2.0, 2.0, 5.0]


class TestParts:
    """What is frozen, and what learns at which rate, is decided by parts."""

    def test_every_parameter_belongs_to_exactly_one_part(self) -> None:
        model = MolE(config())
        names = [name for name, _ in model.parts()]
        assert names == ["embeddings", "layer 0", "layer 1", "head"]
        owned = [id(values) for _, part in model.parts() for values in part.parameters()]
        assert sorted(owned) == sorted(id(values) for values in model.parameters())

    @pytest.mark.parametrize(
        ("freeze", "layers", "learning"),
        [
            ("none", 0, {"embeddings", "layer 0", "layer 1", "head"}),
            ("embeddings", 0, {"layer 0", "layer 1", "head"}),
            ("layers", 1, {"layer 1", "head"}),
            ("layers", 9, {"head"}),
            ("encoder", 0, {"head"}),
        ],
    )
    def test_freezing(self, freeze: str, layers: int, learning: set[str]) -> None:
        model = MolE(config())
        model.freeze_parts("encoder")
        model.freeze_parts(freeze, layers)
        found = {name for name, part in model.parts() if all(values.requires_grad for values in part.parameters())}
        fixed = {name for name, part in model.parts() if not any(values.requires_grad for values in part.parameters())}
        assert found == learning
        assert len(found) + len(fixed) == 4

    def test_other_words_are_refused(self) -> None:
        with pytest.raises(ValueError, match="freeze"):
            MolE(config()).freeze_parts("half")


@pytest.mark.filterwarnings("ignore:.*treespec.*:FutureWarning")
def test_it_exports_with_free_batch_size_and_length() -> None:
    inputs = batch([Chem.MolFromSmiles(smiles) for smiles in SMILES[1:4]])
    size, length = torch.export.Dim("size"), torch.export.Dim("length")
    shapes = ({0: size, 1: length}, {0: size, 1: length, 2: length}, {0: size, 1: length})
    with torch.no_grad():
        program = torch.export.export(network(), inputs, dynamic_shapes=shapes)
        other = batch([Chem.MolFromSmiles(smiles) for smiles in (*SMILES, "C" * 140)])
        torch.testing.assert_close(program.module()(*other), network()(*other), atol=EXACT, rtol=0)


@pytest.mark.parametrize("kind", [torch.long, torch.float32, torch.uint8])
def test_a_mask_of_ones_and_zeros_counts_like_one_of_truth_values(kind: torch.dtype) -> None:
    tokens, distances, mask = batch([Chem.MolFromSmiles(text) for text in SMILES])
    for pooling in ("cls", "cls+mean", "layers"):
        with torch.no_grad():
            assert torch.equal(
                network(pooling)(tokens, distances, mask.to(kind)), network(pooling)(tokens, distances, mask)
            )
    with torch.no_grad():
        encoder = network().encoder
        assert torch.equal(encoder(tokens, distances, mask.to(kind)), encoder(tokens, distances, mask))
