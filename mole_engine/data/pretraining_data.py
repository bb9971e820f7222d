"""The data module of pretraining: an endless, reproducible sequence of batches that can be entered anywhere."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.data.pretraining_batches import BatchMaker, LoadedBlock, PretrainingBatch
from mole_engine.data.pretraining_blocks import BlockPreparer, PreparedBlock
from mole_engine.data.pretraining_survey import validation_rows
from mole_engine.data.smiles_stream import Block, SmilesStream

_VALIDATION = 2**32 - 1
"""Stands for the pass number in the seed of the validation masks."""

KEPT_BYTES = 2**30
"""Memory for prepared blocks that the next pass need not read again: some 900,000 molecules of usual size."""


@dataclass(frozen=True)
class Plan:
    """How the rows of a file become blocks, batches and steps.

    Attributes
    ----------
    first_row, rows
        Training rows: where they start, and the end of the file.
    block_rows, batch_size
        Rows in memory at a time; molecules in a batch.
    """

    first_row: int
    rows: int
    block_rows: int
    batch_size: int

    @property
    def blocks(self) -> int:
        """Blocks of one pass."""
        return -(-(self.rows - self.first_row) // self.block_rows)

    @property
    def batches(self) -> int:
        """Batches of one pass."""
        last = self.rows - self.first_row - (self.blocks - 1) * self.block_rows
        return (self.blocks - 1) * self.batches_of(self.block_rows) + self.batches_of(last)

    def batches_of(self, rows: int) -> int:
        """Batches of a block of so many rows."""
        return -(-rows // self.batch_size)

    def place(self, batch: int) -> tuple[int, int, int]:
        """Return pass, block and place in the block of batch number `batch` (from 0, over all passes)."""
        turn, rest = divmod(batch, self.batches)
        block, place = divmod(rest, self.batches_of(self.block_rows))
        return turn, block, place


class PretrainingData(pl.LightningDataModule):
    """Batches of one pretraining job.

    Which molecules stand in batch number k, and which of their atoms are hidden, depends on the seed and k alone; so a
    resumed job goes on with the very batches that it would have had.

    Parameters
    ----------
    config, stream, preparer
        The job, its file, and what turns rows into molecules in memory.
    world_size, rank
        Processes of the job, and this one: each takes every `world_size`-th batch.
    """

    def __init__(
        self, config: PretrainConfig, stream: SmilesStream, preparer: BlockPreparer, world_size: int = 1, rank: int = 0
    ) -> None:
        super().__init__()
        self.config = config
        self.stream = stream
        self.preparer = preparer
        self.maker = BatchMaker(preparer.vocabulary, config.objectives)
        self.world_size = world_size
        self.rank = rank
        self.plan = Plan(
            first_row=validation_rows(preparer.survey.rows, config.data.validation_molecules),
            rows=preparer.survey.rows,
            block_rows=config.data.block_molecules,
            batch_size=config.training.batch_size,
        )
        self._validation: list[PretrainingBatch] | None = None
        self.device = torch.device("cpu")
        self._kept: dict[int, PreparedBlock] = {}
        self._background: ThreadPoolExecutor | None = None

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole job."""
        wanted = self.config.training.steps
        return wanted or max(1, round(self.config.training.passes * self.plan.batches / self.world_size))

    @property
    def rounds(self) -> int:
        """Number of rounds, between which there are validations and checkpoints."""
        return -(-self.total_steps // self.config.training.round_steps)

    def batches_from(self, step: int) -> Generator[PretrainingBatch, None, None]:
        """Yield this process's batches from optimiser step `step` on, without end."""
        number = step * self.world_size
        for batch in self._all_from(number):
            if number % self.world_size == self.rank:
                yield batch
            number += 1

    def validation_batches(self) -> list[PretrainingBatch]:
        """Return the batches that judge: the same molecules and hidden atoms every time."""
        if self._validation is None:
            size = self.plan.first_row
            prepared = self._prepare(next(self.stream.blocks(size)))
            # Judged on the CPU's batches, which Lightning brings to the device.
            loaded = LoadedBlock.of(prepared, self.preparer.targets(prepared), torch.device("cpu"))
            # Every process judges equally many batches.
            count = -(-self.plan.batches_of(size) // self.world_size) * self.world_size
            random = np.random.default_rng([self.config.seed, _VALIDATION])
            # In descending length, so that a lack of memory shows at once.
            batches = sorted(
                self.maker.batches(loaded, prepared.features.lengths, count, random),
                key=lambda batch: -batch.tokens.shape[1],
            )
            self._validation = batches[self.rank :: self.world_size]
        return self._validation

    def close(self) -> None:
        """End the thread that prepares molecules, which an error may have left waiting."""
        if self._background is not None:
            self._background.shutdown(wait=True, cancel_futures=True)

    def setup(self, stage: str) -> None:
        """Learn from the trainer where batches are made."""
        if self.trainer is not None:
            self.device = self.trainer.strategy.root_device

    def train_dataloader(self) -> Rounds:
        """Return a loader whose every pass is the next round."""
        return Rounds(self)

    def val_dataloader(self) -> DataLoader[PretrainingBatch]:
        """Return the loader of the validation molecules."""
        return DataLoader(self.validation_batches(), batch_size=None, num_workers=0)  # type: ignore[arg-type]

    def _all_from(self, number: int) -> Iterator[PretrainingBatch]:
        turn, block, place = self.plan.place(number)
        while True:
            for index, prepared, loaded in self._loaded(block):
                random = np.random.default_rng([self.config.seed, turn, index])
                rows = min(self.plan.block_rows, self.plan.rows - self.plan.first_row - index * self.plan.block_rows)
                count = self.plan.batches_of(rows)
                yield from islice(self.maker.batches(loaded, prepared.features.lengths, count, random), place, None)
                place = 0
            turn, block = turn + 1, 0

    def _loaded(self, first: int) -> Iterator[tuple[int, PreparedBlock, LoadedBlock]]:
        """Yield the blocks of a pass from number `first`; the next one is prepared while the last one is used."""
        with ThreadPoolExecutor(1, "preparing molecules") as background:
            self._background = background
            waiting = None
            for index, block in self._blocks(first):
                following = background.submit(self._load, index, block)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()

    def _blocks(self, first: int) -> Iterator[tuple[int, Block | None]]:
        """Yield number and rows of the blocks of a pass; None for rows of one that is kept."""
        index = first
        while index < self.plan.blocks and index in self._kept:
            yield index, None
            index += 1
        if index == self.plan.blocks:
            return
        yield from enumerate(
            self.stream.blocks(self.plan.block_rows, self.plan.first_row + index * self.plan.block_rows), start=index
        )

    def _load(self, index: int, block: Block | None) -> tuple[int, PreparedBlock, LoadedBlock]:
        kept = self._kept.get(index)
        if kept is None:
            assert block is not None  # noqa: S101 - rows are left out only of blocks that are kept
            kept = self._prepare(block)
            self._keep(index, kept)
        return index, kept, LoadedBlock.of(kept, self.preparer.targets(kept), self.device)

    def _keep(self, index: int, block: PreparedBlock) -> None:
        """Keep a block for the next pass while there is room; the last one always, in whose midst a round may end."""
        used = sum(other.bytes for other in self._kept.values())
        if used + block.bytes > KEPT_BYTES and self._kept:
            self._kept.pop(max(self._kept))
        self._kept[index] = block

    def _prepare(self, block: Block) -> PreparedBlock:
        prepared = self.preparer.prepare(block)
        if not len(prepared):
            raise InputError(
                f"{self.stream.path.name}: rows {block.start + 1} to {block.start + len(block)} hold no structure",
                "that can be read.",
                "Correct the file.",
            )
        return prepared


class Rounds:
    """The batches of the round under way; what Lightning takes for a loader."""

    def __init__(self, data: PretrainingData) -> None:
        self.data = data

    def __len__(self) -> int:
        # Lightning also asks after the last round.
        return max(0, min(self._steps, self.data.total_steps - self._first))

    def __iter__(self) -> Iterator[PretrainingBatch]:
        batches = self.data.batches_from(self._first)
        try:
            yield from islice(batches, len(self))
        finally:
            batches.close()

    @property
    def _steps(self) -> int:
        return self.data.config.training.round_steps

    @property
    def _first(self) -> int:
        trainer = self.data.trainer
        return trainer.current_epoch * self._steps if trainer is not None else 0
