"""The description of a pretraining job: what an encoder learns from many molecules before it sees a task."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from mole_engine.contracts.config import ModelConfig, RuntimeConfig
from mole_engine.contracts.settings import Job, Section, setting


class PretrainDataConfig(Section):
    """Which molecules, and which labels beside them."""

    path: str = setting("", "File with the molecules: CSV, TSV, SMI or Parquet (also .gz), of any length.")
    smiles_column: str = setting("", "Column with the structures; empty: found by content.")
    targets: list[str] = setting([], "Columns with labels to learn from; gaps are left aside.")
    labels_path: str = setting("", "Table of labels with the columns row, task_id and value, as CSV or Parquet.")
    validation_molecules: int = setting(
        1000, "First molecules of the file that only judge; a tenth of a shorter file.", ge=1
    )
    max_heavy_atoms: int = setting(
        200, "Pass over molecules with more heavy atoms.", unit="atoms", ge=1, le=1000, advanced=True
    )
    block_molecules: int = setting(
        8192, "Molecules in memory at a time; they are mixed within such a block.", ge=64, le=1_000_000, advanced=True
    )
    cache: str = setting(
        "",
        "Folder for prepared molecules, used by every pass and later jobs; empty: in the job's folder.",
        advanced=True,
    )
    survey_molecules: int = setting(
        100_000, "Molecules that are looked at to find the environments there are.", ge=100, advanced=True
    )


class ObjectivesConfig(Section):
    """What is learnt: a weighted sum of three losses, each left out at weight 0."""

    atoms: float = setting(1.0, "Weight of guessing masked atoms' environments.", ge=0.0)
    tasks: float = setting(0.0, "Weight of predicting the labels of all tasks.", ge=0.0)
    descriptors: float = setting(0.0, "Weight of predicting RDKit's descriptors.", ge=0.0)
    mask_fraction: float = setting(0.15, "Part of the atoms that is to be guessed.", gt=0.0, lt=1.0)
    radius: int = setting(2, "Bonds around a masked atom that its environment covers.", unit="bonds", ge=0, le=4)
    hidden_radius: int = setting(
        2,
        "Bonds around a masked atom that attention hides from it, so that it cannot read the answer off; "
        "-1: nothing is hidden.",
        unit="bonds",
        ge=-1,
        le=8,
        advanced=True,
    )
    environments: int = setting(8192, "Most frequent environments that are told apart.", ge=2, advanced=True)

    @model_validator(mode="after")
    def _something_is_learnt(self) -> Self:
        if not self.atoms + self.tasks + self.descriptors > 0:
            raise ValueError("at least one of atoms, tasks and descriptors needs a weight above 0")
        return self


class PretrainTrainingConfig(Section):
    """How long and how fast."""

    passes: float = setting(1.0, "Passes over the file.", gt=0.0, le=10_000)
    steps: int = setting(0, "Optimiser steps; 0: as many as the passes need.", ge=0)
    batch_size: int = setting(128, "Molecules a step.", unit="molecules", ge=1, le=65_536)
    learning_rate: float = setting(2e-4, "Peak learning rate.", gt=0.0, le=1.0)
    weight_decay: float = setting(0.01, "AdamW weight decay.", ge=0.0, le=1.0)
    adam_eps: float = setting(1e-6, "AdamW epsilon.", gt=0.0, le=1e-2, advanced=True)
    schedule: Literal["constant", "linear", "cosine"] = setting("linear", "Learning rate after the warm-up.")
    warmup_fraction: float = setting(0.05, "Part of the steps in which the learning rate rises.", ge=0.0, le=0.9)
    gradient_clip: float = setting(1.0, "Largest gradient norm; 0: no clipping.", ge=0.0)
    round_steps: int = setting(1000, "Steps between validations and resumable checkpoints.", unit="steps", ge=1)


class PretrainConfig(Job):
    """A whole pretraining job."""

    name: str = setting("", "Title of the job; empty: from the file.")
    seed: int = setting(0, "Seed of every random choice.", ge=0, le=2**31 - 1)
    init: str = setting(
        "none",
        "Bundle whose encoder the pretraining starts from, or folder of a pretraining job to go on from with other "
        "settings, also with a network that is wider by a whole factor; or none.",
    )
    out: str = setting("", "Folder of the job; empty: a new one in the workspace.")
    data: PretrainDataConfig = Field(default_factory=PretrainDataConfig, description="Data.")
    objectives: ObjectivesConfig = Field(default_factory=ObjectivesConfig, description="Objectives.")
    model: ModelConfig = Field(default_factory=ModelConfig, description="Network.")
    training: PretrainTrainingConfig = Field(default_factory=PretrainTrainingConfig, description="Training.")
    runtime: RuntimeConfig = Field(default_factory=RuntimeConfig, description="Runtime.")

    @model_validator(mode="after")
    def _pooled_after_the_last_layer(self) -> Self:
        if self.model.pooling == "layers":
            raise ValueError("model.pooling: pretraining reads the last layer; choose cls, mean or cls+mean")
        return self
