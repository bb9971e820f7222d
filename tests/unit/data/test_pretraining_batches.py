"""What pretraining asks: which atoms are hidden and how, which classes and labels they have, in which order."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mole_engine.chem.environments import atom_environments
from mole_engine.chem.molecules import parse_smiles
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.data import pretraining_blocks, pretraining_data
from mole_engine.data.pretraining_batches import PretrainingBatch, choose_atoms, hide_atoms
from mole_engine.data.pretraining_blocks import IGNORED, BlockPreparer
from mole_engine.data.pretraining_data import Plan, PretrainingData
from mole_engine.data.pretraining_labels import LabelTable, PretrainingTask, scaled
from mole_engine.data.pretraining_survey import Survey, take_survey
from mole_engine.data.smiles_stream import Block, SmilesStream

SMILES = [f"{'C' * (1 + place % 9)}(=O)N{'C' * (place % 5)}c1ccccc1" for place in range(150)] + ["not a molecule"] * 5
SMILES = [SMILES[place] for place in np.random.default_rng(0).permutation(len(SMILES))]


def config(path: Path, **changes: object) -> PretrainConfig:
    fields = {
        "data": {"path": str(path), "validation_molecules": 20, "block_molecules": 64, "survey_molecules": 155},
        "training": {"batch_size": 16, "round_steps": 3, "steps": 20},
    }
    return PretrainConfig.from_dict(fields).updated(dict(changes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "molecules.csv"
    labels = [float(place) if place % 4 == 0 else None for place in range(len(SMILES))]
    pd.DataFrame({"smiles": SMILES, "y": labels}).to_csv(target, index=False)
    return target


def data_of(job: PretrainConfig, **more: int) -> PretrainingData:
    stream = SmilesStream(job.data.path, targets=job.data.targets)
    survey = take_survey(job, stream, None)
    return PretrainingData(job, stream, BlockPreparer(Vocabulary.load(), survey, job.objectives), **more)


def same(one: PretrainingBatch, other: PretrainingBatch) -> bool:
    return torch.equal(one.tokens, other.tokens) and torch.equal(one.index, other.index)


class TestMasking:
    """15% of the atoms; of those 80% MASK, 10% random, 10% as they are."""

    MASK = torch.arange(40)[None, :] < torch.full((500, 1), 35)

    def test_the_wished_part_of_the_atoms_is_chosen_never_cls_or_padding(self) -> None:
        chosen = choose_atoms(self.MASK, 0.15, np.random.default_rng(0))
        assert not chosen[:, 0].any()
        assert not (chosen & ~self.MASK).any()
        assert chosen.sum() / (34 * 500) == pytest.approx(0.15, abs=0.005)

    def test_every_molecule_has_at_least_one(self) -> None:
        small = torch.tensor([[True, True, False], [True, False, False]])
        assert choose_atoms(small, 0.01, np.random.default_rng(0)).sum(axis=1).tolist() == [1, 0]

    def test_the_shares_of_mask_random_and_kept(self) -> None:
        vocabulary = Vocabulary.load()
        tokens = torch.full(self.MASK.shape, 7)
        asked = torch.ones(self.MASK.shape, dtype=torch.bool)
        hidden = hide_atoms(tokens, asked, vocabulary, np.random.default_rng(0))
        assert float((hidden == vocabulary.mask_id).float().mean()) == pytest.approx(0.8, abs=0.01)
        assert float((hidden == 7).float().mean()) == pytest.approx(0.1, abs=0.01)
        others = hidden[(hidden != 7) & (hidden != vocabulary.mask_id)]
        assert others.min() >= 1
        assert others.max() < vocabulary.mask_id
        assert (tokens == 7).all()

    def test_atoms_that_are_not_asked_stay(self) -> None:
        tokens = torch.arange(20).reshape(2, 10)
        nothing = torch.zeros((2, 10), dtype=torch.bool)
        assert torch.equal(hide_atoms(tokens, nothing, Vocabulary.load(), np.random.default_rng(0)), tokens)


def test_classes_are_the_environments_of_radius_two_of_the_asked_atoms(path: Path) -> None:
    job = config(path, objectives={"mask_fraction": 0.9})
    data = data_of(job)
    batch = next(data.batches_from(0))
    known = data.preparer.survey.environments
    checked = 0
    for row, line in enumerate(batch.index.tolist()):
        expected = atom_environments(parse_smiles(SMILES[line]), 2).tolist()
        for atom, identifier in enumerate(expected, start=1):
            asked, found = bool(batch.asked[row, atom]), int(batch.environments[row, atom])
            assert found == (known.index(identifier) if asked else IGNORED)
            checked += asked
    assert checked > 50


def test_environments_beyond_the_limit_are_not_asked_for(path: Path) -> None:
    job = config(path, objectives={"environments": 2})
    data = data_of(job)
    assert 0 < data.preparer.survey.coverage < 1
    assert int(next(data.batches_from(0)).environments.max()) <= 1


class TestOrder:
    """Batch number k is the same whenever and wherever the sequence is entered."""

    def test_it_can_be_entered_anywhere(self, path: Path) -> None:
        data = data_of(config(path))
        whole = list(islice(data.batches_from(0), 25))
        for start in (1, 4, 9, 10, 17):
            again = list(islice(data_of(config(path)).batches_from(start), 3))
            assert all(same(one, other) for one, other in zip(again, whole[start:], strict=False))

    def test_a_pass_has_every_training_molecule_and_none_of_validation(self, path: Path) -> None:
        data = data_of(config(path))
        rows = torch.cat([batch.index for batch in islice(data.batches_from(0), data.plan.batches)]).tolist()
        readable = {row for row in range(20, len(SMILES)) if SMILES[row] != "not a molecule"}
        assert set(rows) == readable
        assert len(rows) == len(readable)
        judged = {row for batch in data.validation_batches() for row in batch.index.tolist()}
        assert judged == {row for row in range(20) if SMILES[row] != "not a molecule"}

    def test_passes_differ_and_seeds_differ(self, path: Path) -> None:
        data = data_of(config(path))
        first, second = next(data.batches_from(0)), next(data.batches_from(data.plan.batches))
        assert not same(first, second)
        assert not same(first, next(data_of(config(path, seed=1)).batches_from(0)))

    def test_validation_hides_the_same_atoms_every_time(self, path: Path) -> None:
        one, other = (data_of(config(path)).validation_batches() for _ in range(2))
        assert all(same(*pair) for pair in zip(one, other, strict=True))

    def test_processes_share_the_batches(self, path: Path) -> None:
        whole = list(islice(data_of(config(path)).batches_from(0), 10))
        for rank in (0, 1):
            share = list(islice(data_of(config(path), world_size=2, rank=rank).batches_from(1), 4))
            assert all(same(one, other) for one, other in zip(share, whole[2 + rank :: 2], strict=False))

    def test_processes_judge_equally_many_batches(self, path: Path) -> None:
        # One that had fewer would wait for the others for ever.
        shares = [data_of(config(path), world_size=3, rank=rank).validation_batches() for rank in range(3)]
        assert {len(share) for share in shares} == {1}
        rows = [row for share in shares for batch in share for row in batch.index.tolist()]
        assert len(rows) == len(set(rows)) > 10

    def test_rounds_end_with_the_steps(self, path: Path) -> None:
        data = data_of(config(path))
        assert (data.total_steps, data.rounds) == (20, 7)
        data.trainer = SimpleNamespace(current_epoch=6)
        assert len(data.train_dataloader()) == 2
        assert len(list(data.train_dataloader())) == 2

    def test_memory_is_bounded_by_the_block(self, path: Path) -> None:
        data = data_of(config(path))
        sizes = []
        prepare = data.preparer.prepare
        data.preparer.prepare = lambda block: sizes.append(len(block)) or prepare(block)  # type: ignore[method-assign]
        list(islice(data.batches_from(0), data.plan.batches))
        assert max(sizes) == 64

    @pytest.mark.parametrize("rows", [21, 84, 85, 100, 155])
    def test_the_plan_counts_and_places_batches(self, rows: int) -> None:
        plan = Plan(first_row=20, rows=rows, block_rows=64, batch_size=16)
        placed = [plan.place(number) for number in range(plan.batches)]
        assert len(set(placed)) == plan.batches
        assert {turn for turn, _, _ in placed} == {0}
        assert max(block for _, block, _ in placed) == plan.blocks - 1
        assert plan.place(plan.batches) == (1, 0, 0)


class TestBlocks:
    """Molecules in memory: prepared by whoever has time, kept while there is room."""

    def block(self, path: Path, job: PretrainConfig) -> tuple[BlockPreparer, Block]:
        return data_of(job).preparer, next(SmilesStream(path).blocks(150))

    def test_worker_processes_prepare_what_one_would(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        preparer, block = self.block(path, config(path, objectives={"descriptors": 1.0}))
        alone = preparer.prepare(block)
        monkeypatch.setattr(pretraining_blocks, "PIECE_ROWS", 48)
        monkeypatch.setattr(pretraining_blocks, "CHUNK_ROWS", 16)
        monkeypatch.setattr(pretraining_blocks, "worker_count", lambda most, spared: 2)
        together = preparer.prepare(block)
        for name in ("tokens", "distances", "lengths"):
            np.testing.assert_array_equal(getattr(together.features, name), getattr(alone.features, name))
        for name in ("environments", "rows", "descriptors"):
            np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
        assert len(alone.rows) < 150

    def test_later_jobs_find_the_pieces_again(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = config(path)
        survey = take_survey(job, SmilesStream(path), None)
        block = next(SmilesStream(path).blocks(150))
        first = BlockPreparer(Vocabulary.load(), survey, job.objectives, cache=tmp_path / "cache").prepare(block)
        monkeypatch.setattr(pretraining_blocks, "compute_piece", None)
        again = BlockPreparer(Vocabulary.load(), survey, job.objectives, cache=tmp_path / "cache").prepare(block)
        np.testing.assert_array_equal(again.features.tokens, first.features.tokens)

    @pytest.mark.parametrize(("room", "times"), [(2**30, 3), (0, 9)])
    def test_blocks_are_kept_for_the_next_pass(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, room: int, times: int
    ) -> None:
        monkeypatch.setattr(pretraining_data, "KEPT_BYTES", room)
        data, starts = data_of(config(path)), []
        prepare = data.preparer.prepare
        data.preparer.prepare = lambda block: starts.append(block.start) or prepare(block)  # type: ignore[method-assign]
        batches = list(islice(data.batches_from(0), 3 * data.plan.batches))
        assert len(starts) == times
        whole = list(islice(data_of(config(path)).batches_from(0), 3 * data.plan.batches))
        assert all(same(one, other) for one, other in zip(batches, whole, strict=True))


class TestLabels:
    """Labels of many tasks, most of them missing."""

    def test_columns_are_standardised_and_gaps_stay(self, path: Path) -> None:
        data = data_of(config(path, data={"targets": ["y"]}, objectives={"tasks": 1.0}))
        values = torch.cat([batch.targets for batch in islice(data.batches_from(0), data.plan.batches)])[:, 0]
        assert values.isnan().float().mean() > 0.5
        assert float(values[~values.isnan()].std()) == pytest.approx(1.0, abs=0.3)

    def test_a_table_of_labels_is_cut_by_rows(self, tmp_path: Path) -> None:
        frame = pd.DataFrame({"row": [5, 2, 2, 9], "task_id": ["b", "a", "b", "a"], "value": [1.0, 3.5, 0.0, 5.5]})
        for name in ("labels.csv", "labels.parquet"):
            (frame.to_csv if name.endswith("csv") else frame.to_parquet)(tmp_path / name, index=False)
            table = LabelTable.read(tmp_path / name)
            assert [(task.name, task.is_binary) for task in table.tasks] == [("a", False), ("b", True)]
            dense = table.dense(2, 4)
            np.testing.assert_array_equal(dense[[0, 3]], [[3.5, 0.0], [np.nan, 1.0]])
            assert np.isnan(dense[1:3]).all()

    def test_binary_tasks_keep_their_values(self) -> None:
        tasks = (PretrainingTask("a", True), PretrainingTask.of_values("b", np.array([1.0, 3.0, np.nan])))
        np.testing.assert_allclose(scaled(np.array([[1.0, 3.0]], dtype=np.float32), tasks), [[1.0, 1.0]])

    @pytest.mark.parametrize("columns", [["row", "value"], ["row", "task_id", "wrong"]])
    def test_other_tables_are_refused(self, tmp_path: Path, columns: list[str]) -> None:
        pd.DataFrame([[1, 2, 3][: len(columns)]], columns=columns).to_csv(tmp_path / "l.csv", index=False)
        with pytest.raises(InputError, match="no column"):
            LabelTable.read(tmp_path / "l.csv")


class TestSurvey:
    """The first look at the molecules."""

    def test_it_survives_json(self, path: Path) -> None:
        job = config(
            path, objectives={"descriptors": 1.0, "tasks": 1.0}, data={"targets": ["y"], "survey_molecules": 100}
        )
        survey = take_survey(job, SmilesStream(path, targets=["y"]), None)
        assert Survey.from_dict(survey.to_dict()) == survey
        assert survey.rows == len(SMILES)
        assert len(survey.descriptor_mean) == len(survey.descriptor_std) == len(survey.descriptor_names) > 50
        # All of these molecules are amides, and none has a phosphorus.
        assert "MolLogP" in survey.descriptor_names
        assert not {"fr_amide", "fr_phos_acid"} & set(survey.descriptor_names)

    def test_impossible_jobs_are_refused_in_words(self, path: Path, tmp_path: Path) -> None:
        stream = SmilesStream(path)
        with pytest.raises(InputError, match="no labels"):
            take_survey(config(path, objectives={"tasks": 1.0}), stream, None)
        short = tmp_path / "short.smi"
        short.write_text("CCO\nCCN\n")
        with pytest.raises(InputError, match="too few"):
            take_survey(config(short), SmilesStream(short), None)
        empty = tmp_path / "empty.csv"
        pd.DataFrame({"smiles": SMILES, "y": None}).to_csv(empty, index=False)
        job = config(empty, objectives={"tasks": 1.0}, data={"targets": ["y"]})
        with pytest.raises(InputError, match="'y' is empty"):
            take_survey(job, SmilesStream(empty, targets=["y"]), None)

    def test_what_cannot_be_learnt_from_is_passed_over_and_told(self, path: Path, tmp_path: Path) -> None:
        mixed = tmp_path / "mixed.smi"
        known = [f"{'C' * (1 + place)}O" for place in range(40)]
        mixed.write_text("\n".join([*known[:20], "C1CC", "C" * 201, *known[20:]]))
        job = config(mixed)
        survey = take_survey(job, SmilesStream(mixed), None)
        assert survey.passed_over == "2 of 42 rows are passed over (row 21: ring 1 is never closed)."
        assert Survey.from_dict(survey.to_dict()) == survey
        block = next(SmilesStream(mixed).blocks(50))
        prepared = BlockPreparer(Vocabulary.load(), survey, job.objectives).prepare(block)
        assert prepared.rows.tolist() == [*range(20), *range(22, 42)]

    def test_a_tenth_of_a_short_file_judges(self, path: Path) -> None:
        plan = data_of(config(path, data={"validation_molecules": 1000})).plan
        assert (plan.first_row, plan.rows) == (15, 155)

    def test_a_block_without_structures_is_named(self, path: Path) -> None:
        data = data_of(config(path))
        with pytest.raises(InputError, match="rows 85 to 86"):
            data._prepare(Block(84, ["?", "!"], np.zeros((2, 0), dtype=np.float32)))
