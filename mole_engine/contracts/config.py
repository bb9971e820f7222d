"""The one description of a job. YAML files, command-line overrides, the window's form and the docs all come from it.

Each field has a type, a default, a range, help and (where it has one) a unit; nothing repeats them elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mole_engine.contracts.settings import Job, Section, read_yaml, setting

TransformName = Literal["auto", "none", "log10", "logit", "box-cox"]
TaskName = Literal["auto", "regression", "classification", "multiclass"]


class CurationConfig(Section):
    """Which clean-up steps are applied before training."""

    largest_fragment: bool = setting(True, "Keep the largest organic fragment of salts and mixtures.")
    neutralise: bool = setting(True, "Neutralise charges where a neutral form exists.")
    tautomers: bool = setting(
        False, "Write every molecule as its canonical tautomer (RDKit); slow for large molecules."
    )
    merge_duplicates: bool = setting(True, "Merge rows with the same structure whose labels agree.")
    duplicates: Literal["mean", "median", "majority"] = setting(
        "mean",
        "Value of merged rows: their mean (of logarithms, where values lie over several decades), their median, or the"
        " most frequent one. Classes: the majority.",
    )
    same_structure: Literal["smiles", "inchikey"] = setting(
        "smiles", "What makes two rows duplicates: the canonical SMILES, or the InChIKey (sees through tautomers)."
    )
    drop_disagreeing: bool = setting(
        False, "Leave out duplicates whose labels disagree (otherwise they are merged all the same)."
    )
    agree_within: float = setting(
        0.0,
        "Largest difference of values of one structure that agree; 0: 5% of the value, or a tenth of the column's"
        " interquartile range (of logarithms, where values lie over several decades).",
        ge=0.0,
        advanced=True,
    )
    bounds: Literal["keep", "drop"] = setting(
        "keep", "Bounds such as > 50 in place of a value: learn 50 as if it were measured, or leave them out."
    )
    outliers: Literal["keep", "flag", "drop"] = setting(
        "flag", "Values far from all others: keep them, list them, or leave them out (of test molecules, too)."
    )
    outlier_distance: float = setting(
        6.0,
        "Robust standard deviations from the median beyond which a value is an outlier.",
        ge=2.0,
        le=100.0,
        advanced=True,
    )
    flatten_stereo: bool = setting(False, "Remove stereochemistry.")
    leave_out_inorganic: bool = setting(False, "Leave out molecules without carbon (otherwise they are only listed).")
    max_heavy_atoms: int = setting(200, "Leave out molecules with more heavy atoms.", unit="atoms", ge=1, le=1000)


class DataConfig(Section):
    """Which file, which columns, which task."""

    path: str = setting("", "File with the molecules.")
    extra_paths: list[str] = setting([], "More files whose rows follow those of the first.", advanced=True)
    validation_path: str = setting("", "Separate file with validation molecules.")
    test_path: str = setting("", "Separate file with test molecules.")
    smiles_column: str = setting("", "Column with the structures; empty: found by content.")
    targets: list[str] = setting([], "Target columns; empty: found by content.")
    identifier_column: str = setting("", "Column with the molecules' names.", advanced=True)
    weight_column: str = setting("", "Column with sample weights.", advanced=True)
    task: TaskName = setting("auto", "Kind of the targets; auto: by content.")
    units: dict[str, str] = setting({}, "Unit of each target.", advanced=True)
    positive_class: dict[str, str] = setting(
        {}, "Label that counts as positive, for each two-class target.", advanced=True
    )
    target_transform: TransformName = setting("auto", "Transform of regression targets; auto: log10 for heavy tails.")
    molar_log: list[str] = setting(
        [],
        "Columns of concentrations that are learned as -log10 of mol/L: an IC50 in nM becomes a pIC50.",
        advanced=True,
    )
    delimiter: str = setting("", "Column separator; empty: sniffed.", advanced=True)
    encoding: str = setting("", "Text encoding; empty: sniffed.", advanced=True)
    decimal: Literal["", ".", ","] = setting("", "Decimal mark; empty: sniffed.", advanced=True)
    curation: CurationConfig = Field(default_factory=CurationConfig, description="Clean-up steps.")


class SplitConfig(Section):
    """How the molecules are divided into training, validation and test parts."""

    method: Literal["auto", "random", "scaffold", "cluster", "stratified", "time", "column", "kfold"] = setting(
        "auto", "How to divide; auto: a split column if there is one, else by scaffold."
    )
    column: str = setting(
        "", "Column with the given parts (train/val/test, or fold numbers); for time: column with dates or numbers."
    )
    cluster_similarity: float = setting(
        0.4, "Least Tanimoto similarity to the middle of a cluster (ECFP4).", gt=0.0, lt=1.0, advanced=True
    )
    validation_fraction: float = setting(0.1, "Part that sets intervals, and chooses a best epoch.", ge=0.0, le=0.5)
    test_fraction: float = setting(0.1, "Part that judges the model, never used in training.", ge=0.0, le=0.5)
    folds: int = setting(5, "Number of folds for k-fold.", ge=2, le=20, advanced=True)
    fold: int = setting(0, "Which fold is the test part.", ge=0, le=19, advanced=True)
    seed: int = setting(
        -1, "Seed of the random choices in dividing; -1: the seed of the run.", ge=-1, le=2**31 - 1, advanced=True
    )


class ModelConfig(Section):
    """Size and shape of the network (12 x 768 is the size of the paper)."""

    layers: int = setting(4, "Transformer layers.", ge=1, le=48)
    hidden_size: int = setting(192, "Width of the network.", ge=8, le=4096)
    heads: int = setting(4, "Attention heads; must divide the width.", ge=1, le=64)
    intermediate_size: int = setting(0, "Width of the feed-forward layer; 0: four times the width.", ge=0, le=16384)
    activation: Literal["gelu", "relu", "silu", "tanh"] = setting("gelu", "Activation function.", advanced=True)
    hidden_dropout: float = setting(0.1, "Dropout on hidden states.", ge=0.0, lt=1.0)
    attention_dropout: float = setting(0.1, "Dropout on attention weights.", ge=0.0, lt=1.0)
    head_dropout: float = setting(0.1, "Dropout in the prediction head.", ge=0.0, lt=1.0)
    pooling: Literal["cls", "mean", "cls+mean", "layers"] = setting(
        "cls",
        "What the head reads: CLS (as in the paper), the mean of the atoms, both, or both after each layer.",
    )
    descriptors: bool = setting(
        False, "Join descriptors (RDKit's in two dimensions, and of solvation) before the head."
    )
    standardise_pooled: bool = setting(
        False,
        "Bring a fixed encoder's vectors to like ranges before the head, measured on training molecules.",
        advanced=True,
    )
    relative_positions: int = setting(128, "Rows of the relative position table.", ge=4, le=256, advanced=True)
    initializer_range: float = setting(0.02, "Standard deviation of initial weights.", gt=0.0, le=1.0, advanced=True)
    layer_norm_eps: float = setting(1e-7, "Epsilon of layer normalisation.", gt=0.0, le=1e-2, advanced=True)
    vocabulary: str = setting("default", "Name of a shipped vocabulary, or a path to a vocabulary JSON.", advanced=True)
    vocabulary_size: int = setting(0, "Tokens, special ones included; 0: from the vocabulary.", ge=0, advanced=True)
    outputs: int = setting(0, "Outputs of the head; 0: from the targets.", ge=0, advanced=True)
    descriptor_size: int = setting(0, "Width of the descriptor vector; 0: from the data.", ge=0, advanced=True)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size ({self.hidden_size}) must be a multiple of heads ({self.heads})")
        return self

    @property
    def feed_forward_size(self) -> int:
        """Width of the feed-forward layer with the default filled in."""
        return self.intermediate_size or 4 * self.hidden_size


class TrainingConfig(Section):
    """How the network is trained."""

    epochs: int = setting(30, "Passes over the training molecules.", unit="epochs", ge=1, le=10_000)
    batch_size: int = setting(32, "Molecules a step.", unit="molecules", ge=1, le=65_536)
    learning_rate: float = setting(2e-4, "Peak learning rate of the encoder.", gt=0.0, le=1.0)
    head_learning_rate: float = setting(0.0, "Peak learning rate of the head; 0: the encoder's.", ge=0.0, le=1.0)
    layer_decay: float = setting(
        1.0, "Factor on the learning rate per layer below the top.", gt=0.0, le=1.0, advanced=True
    )
    weight_decay: float = setting(0.01, "AdamW weight decay.", ge=0.0, le=1.0)
    adam_eps: float = setting(1e-6, "AdamW epsilon.", gt=0.0, le=1e-2, advanced=True)
    schedule: Literal["constant", "linear", "cosine"] = setting("linear", "Learning rate after the warm-up.")
    warmup_fraction: float = setting(0.1, "Part of the steps in which the learning rate rises.", ge=0.0, le=0.9)
    gradient_clip: float = setting(1.0, "Largest gradient norm; 0: no clipping.", ge=0.0)
    accumulate_batches: int = setting(1, "Batches per optimiser step.", unit="batches", ge=1, le=1024, advanced=True)
    loss: Literal["auto", "mse", "mae", "huber", "bce", "ce", "focal"] = setting(
        "auto", "Loss function; auto: by task."
    )
    class_weights: bool = setting(
        False,
        "Weight classes by their rarity in the training part: in networks, not in the simple models of a blend.",
    )
    patience: int = setting(0, "Epochs without improvement before stopping; 0: never.", unit="epochs", ge=0)
    averaging: Literal["none", "ema", "swa"] = setting(
        "none", "Average the weights over steps (EMA) or last epochs (SWA)."
    )
    ema_decay: float = setting(0.999, "Decay of the weight average a step.", gt=0.0, lt=1.0, advanced=True)
    keep: Literal["best", "last"] = setting("best", "Which epoch becomes the model.")
    monitor: str = setting("auto", "Validation metric that chooses the best epoch.", advanced=True)
    freeze: Literal["none", "embeddings", "layers", "encoder"] = setting(
        "none", "Part of the network that stays fixed."
    )
    head_epochs: int = setting(
        0, "First epochs in which only the head learns, before the encoder joins.", unit="epochs", ge=0, advanced=True
    )
    freeze_layers: int = setting(0, "How many first layers stay fixed when freeze is 'layers'.", ge=0, advanced=True)


class RuntimeConfig(Section):
    """Where the job runs; never part of what the model is."""

    device: str = setting("auto", "auto, cpu, cuda, cuda:1 ..., or mps.")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = setting(
        "auto", "auto: bf16 on GPUs that have it, and on processors that multiply it much faster."
    )
    threads: int = setting(
        0,
        "CPU threads; 0: chosen for this machine, by a short trial where the job is long.",
        ge=0,
        le=1024,
        advanced=True,
    )
    side_by_side: int = setting(
        0,
        "On a CPU: how many networks of an ensemble are trained at the same time, in processes of their own; 0: chosen "
        "with the threads, which they share.",
        unit="networks",
        ge=0,
        le=64,
        advanced=True,
    )
    devices: int = setting(1, "Devices on each node.", ge=1, le=1024, advanced=True)
    num_nodes: int = setting(1, "Nodes.", ge=1, le=4096, advanced=True)
    compile: Literal["auto", "always", "never"] = setting(
        "auto",
        "Compile the network's layers for the GPU, which takes a minute at the start; auto: in pretraining, where "
        "Triton is there.",
        advanced=True,
    )
    strategy: Literal["auto", "ddp", "fsdp"] = setting("auto", "Lightning strategy for several devices.", advanced=True)
    checkpoint_every: int = setting(1, "Epochs between resumable checkpoints.", unit="epochs", ge=1, advanced=True)
    isolated: bool = setting(
        False, "Work in a process of its own: a crash of a driver or library then ends the run, not the window."
    )
    keep_awake: bool = setting(
        True, "Keep the computer from falling asleep by itself during the job; the screen may turn off.", advanced=True
    )
    tensorboard: bool = setting(
        False, "Also write TensorBoard logs into the run folder (needs the package tensorboard).", advanced=True
    )


GROWING_FROM, GROWTH, FALLING_BELOW = 1_600, 2.4, 12_000
"""Molecules from which on fine-tuned networks of an ensemble learn for more epochs than are set, in proportion; at most
so many times as many; and molecules beyond which for fewer, so that their time is bounded."""


class EnsembleConfig(Section):
    """Several networks instead of one, and simple models beside them."""

    kind: Literal["none", "folds", "seeds"] = setting(
        "none",
        "Several networks: folds divides training and validation molecules (but not those of a validation file) into "
        "folds, each network leaving one out; "
        "seeds trains on the same molecules from different random starts.",
    )
    members: int = setting(5, "Folds, or seeds.", unit="networks", ge=2, le=50)
    repeats: int = setting(
        1, "Networks of each fold, from different random starts.", unit="networks", ge=1, le=20, advanced=True
    )
    fold_by: Literal["auto", "scaffold", "random"] = setting(
        "auto",
        "What the folds leave out together: molecules of one scaffold, or any; auto: any where the parts were divided "
        "at random or stratified, else scaffolds.",
        advanced=True,
    )
    trees: bool = setting(
        False,
        "Blend the network with simple models on descriptors, fingerprints and embeddings, weighted by how well each "
        "predicts molecules that it was not fitted on.",
    )
    fine_tune_from: int = setting(
        0,
        "With a fixed encoder: from how many training and validation molecules on further networks join whose "
        "encoder learns as well; 0: never.",
        unit="molecules",
        ge=0,
        advanced=True,
    )
    fine_tune_epochs: int = setting(
        8,
        "Epochs of those further networks on up to 1,600 molecules; on more, up to 2.4 times as many, and fewer again "
        "beyond 5,000 molecules.",
        unit="epochs",
        ge=1,
        le=1000,
        advanced=True,
    )
    fine_tune_members: int = setting(
        1,
        "How many of those further networks each fold has, from different random starts; time and the size of the "
        "model grow in proportion.",
        unit="networks",
        ge=1,
        le=20,
        advanced=True,
    )

    def folds_by(self, method: str) -> Literal["scaffold", "random"]:
        """Return what the folds leave out together, where the parts were made by `method` of a `Split`."""
        if self.fold_by == "auto":
            return "random" if method.startswith(("random", "stratified", "fold ")) else "scaffold"
        return self.fold_by


class SearchConfig(Section):
    """Search for settings: many short trainings, compared on validation molecules, before the real one."""

    trials: int = setting(0, "Trainings to try; 0: no search.", unit="trials", ge=0, le=10_000)
    epochs: int = setting(0, "Epochs of a trial; 0: as many as the training itself.", unit="epochs", ge=0, le=10_000)
    minutes: float = setting(0.0, "No further trial begins after this time; 0: no limit.", unit="minutes", ge=0.0)
    prune: bool = setting(True, "End a trial early when it falls behind the others at the same epoch.")
    settings: list[str] = setting(
        [], "Settings to vary, as section.field; empty: learning rate, batch size, dropout and weight decay."
    )
    ranges: dict[str, list[Any]] = setting(
        {},
        "Values of a setting: [lowest, highest] for numbers, or a list of three or more to choose from.",
        advanced=True,
    )


class TrainConfig(Job):
    """A whole training job."""

    name: str = setting("", "Title of the run; empty: from the file and the preset.")
    preset: str = setting("", "Preset that the settings started from.")
    seed: int = setting(0, "Seed of every random choice.", ge=0, le=2**31 - 1)
    init: str = setting(
        "none", "Model whose encoder the training starts from: a file, the name of a shipped model, or none."
    )
    out: str = setting("", "Run folder; empty: a new folder in the workspace.")
    workspace: str = setting("", "Workspace that keeps the runs; empty: the default one.")
    baselines: bool = setting(True, "Fit simple models to compare with (otherwise means of all and of the nearest).")
    pinned: list[str] = setting([], "Structures (SMILES) whose prediction is shown after every epoch.")
    data: DataConfig = Field(default_factory=DataConfig, description="Data.")
    split: SplitConfig = Field(default_factory=SplitConfig, description="Split.")
    model: ModelConfig = Field(default_factory=ModelConfig, description="Network.")
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="Training.")
    ensemble: EnsembleConfig = Field(default_factory=EnsembleConfig, description="Ensemble.")
    search: SearchConfig = Field(default_factory=SearchConfig, description="Search for settings.")
    runtime: RuntimeConfig = Field(default_factory=RuntimeConfig, description="Runtime.")

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read a configuration from a YAML file, as `mole train --config` does; only a preset must be named there.

        Settings that the file leaves open come from the preset that it names (`preset: quick-look`), else from the
        defaults. Raises InputError.
        """
        # Presets are checked by this very class.
        from mole_engine.contracts.presets import settings_over_preset

        written = read_yaml(path)
        return cls.from_dict(settings_over_preset(written), str(path), written)

    @model_validator(mode="after")
    def _one_device_for_several_networks(self) -> Self:
        several = self.ensemble.kind != "none" or self.ensemble.trees
        if several and self.runtime.devices * self.runtime.num_nodes > 1:
            raise ValueError(
                "several networks train one after the other on one device: "
                "choose one device, or a preset of one network"
            )
        return self

    @model_validator(mode="after")
    def _one_device_for_a_search(self) -> Self:
        if self.search.trials and self.runtime.devices * self.runtime.num_nodes > 1:
            raise ValueError(
                "the trainings of a search follow each other on one device: search on one device, "
                "then train with the settings that it found, and without a search, on several"
            )
        return self

    def fine_tuning_epochs(self, molecules: int) -> int:
        """Return for how many epochs networks learn whose encoder learns as well; 0: none join.

        Parameters
        ----------
        molecules
            For training and validation.
        """
        ensemble = self.ensemble
        several = ensemble.kind != "none" or ensemble.trees
        if not several or self.training.freeze != "encoder" or not 0 < ensemble.fine_tune_from <= molecules:
            return 0
        epochs = ensemble.fine_tune_epochs
        share = min(max(1.0, molecules / GROWING_FROM), GROWTH, FALLING_BELOW / molecules)
        return max(min(epochs, 2), round(epochs * share))

    def fine_tuning_members(self, molecules: int) -> int:
        """Return how many fine-tuned networks each fold has; 0: none join.

        Parameters
        ----------
        molecules
            For training and validation.
        """
        return self.ensemble.fine_tune_members if self.fine_tuning_epochs(molecules) else 0
