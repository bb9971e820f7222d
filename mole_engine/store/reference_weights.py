"""Weights of the original MolE: reading its files, and naming its parameters as ours and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mole_engine.contracts.config import ModelConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted
from mole_engine.store.safe_pickle import plain, read_checkpoint

_WORDS = "embeddings.word_embeddings.weight"
_CLASSIFIER = "prediction_head.classifier.weight"
_USUAL_ENCODER, _USUAL_HEAD = "model.MolE.", "model.prediction_head."

_PUBLISHED_HEADS = {768: 12}
"""Shapes do not tell the number of heads; a guess would give wrong predictions in silence."""

_LAYER_NAMES = (
    ("attention.mix.projection", tuple(f"attention.self.{name}_proj" for name in ("query", "key", "value"))),
    ("attention.output", ("attention.output.dense",)),
    ("attention.norm", ("attention.output.LayerNorm",)),
    ("expand", ("intermediate.dense",)),
    ("contract", ("output.dense",)),
    ("norm", ("output.LayerNorm",)),
)
"""Our name of each part of a layer and its names in the original; several are stacked, in this order."""


@dataclass(frozen=True, slots=True)
class ReferenceState:
    """What a file of the original holds.

    Attributes
    ----------
    tensors
        By the file's own names.
    settings
        The hyperparameters of a Lightning checkpoint, as plain containers; empty where there are none.
    """

    tensors: dict[str, Tensor]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What was found where.

    Attributes
    ----------
    matched
        Names of the original that are used.
    unused
        Names in the file that belong to neither encoder nor head (metrics, pretraining heads).
    has_head
        Whether the file holds a prediction head.
    is_kind_guessed
        Whether nothing has told what kind of values the head gives, so that numbers were assumed.
    """

    matched: tuple[str, ...]
    unused: tuple[str, ...]
    has_head: bool
    is_kind_guessed: bool = False

    def in_words(self) -> str:
        """Say what was matched, and what was assumed."""
        head = "encoder and prediction head" if self.has_head else "encoder without a prediction head"
        rest = f"; {counted(len(self.unused), 'other')} left aside" if self.unused else ""
        said = f"{counted(len(self.matched), 'tensor')} matched ({head}){rest}."
        if not self.is_kind_guessed:
            return said
        return f"{said} The file does not say what its outputs are: taken as numbers; --task classification changes it."


def read_reference(path: str | Path) -> ReferenceState:
    """Read a checkpoint (.ckpt, .pt: bare or nested state) or .safetensors file without running anything in it.

    Raises
    ------
    InputError
        When the file cannot be read or holds no weights by name.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        return ReferenceState(*_read_safetensors(path))
    content = read_checkpoint(path)
    tensors = _find_state(content)
    if not tensors:
        raise InputError(f"{path.name} holds no weights:", "there are no tensors by name in it.", "Give another file.")
    settings: Any = {}
    if isinstance(content, dict) and "hyper_parameters" in content:
        try:
            settings = plain(content["hyper_parameters"])
        except RecursionError:
            settings = {}
    return ReferenceState(tensors, settings if isinstance(settings, dict) else {})


def to_our_names(state: Mapping[str, Tensor], file_name: str = "the file") -> tuple[dict[str, Tensor], KeyReport]:
    """Name the parameters of the original as `MolE` does; strict.

    Parameters
    ----------
    state
        Tensors by the original's names, with or without the prefix of its modules.
    file_name
        For messages.

    Returns
    -------
    tensors, report
        Tensors by our names (without a head where the file has none), and what was matched.

    Raises
    ------
    InputError
        When an encoder weight is missing, has a wrong shape, or is one that our network does not have.
    """
    encoder, head = _prefixes(state, file_name)
    layers = _count_layers(state, encoder)
    width = int(state[encoder + _WORDS].shape[1])
    ours: dict[str, Tensor] = {}
    matched: list[str] = []
    missing: list[str] = []
    for name, originals in _names(layers, encoder, head):
        absent = [key for key in originals if key not in state]
        missing.extend(absent)
        if not absent:
            ours[name] = _stacked([state[key] for key in originals])
            matched.extend(originals)
    left = set(state) - set(matched)
    strange = sorted(key for key in left if key.startswith((f"{encoder}embeddings.", f"{encoder}encoder.")))
    if missing or strange:
        raise _mismatch(file_name, missing, strange)
    _check_shapes(ours, width, file_name)
    return ours, KeyReport(tuple(matched), tuple(sorted(left)), head is not None)


def to_reference_names(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Name the parameters of a `MolE` as the original's Lightning checkpoints do.

    Raises
    ------
    KeyError
        When a parameter is missing.
    """
    renamed: dict[str, Tensor] = {}
    for name, originals in _names(layers, _USUAL_ENCODER, _USUAL_HEAD):
        for key, part in zip(originals, tensors[name].chunk(len(originals)), strict=True):
            renamed[key] = part.contiguous()
    return renamed


def model_config(tensors: Mapping[str, Tensor], settings: Mapping[str, Any], heads: int = 0) -> ModelConfig:
    """Describe the network that tensors (by our names) belong to.

    Parameters
    ----------
    tensors
        From `to_our_names`.
    settings
        From `ReferenceState`; fills in what shapes do not tell.
    heads
        Attention heads; 0: from the settings, or 12 for the published width of 768.

    Raises
    ------
    InputError
        When the number of heads is unknown or does not fit.
    """
    bert = _find(settings, "deberta_config") or {}
    vocabulary_size, width = tensors["encoder.embeddings.words.weight"].shape
    told = int(bert.get("num_attention_heads") or 0)
    if heads and told and heads != told:
        raise InputError(
            f"The weights have {told} attention heads, not {heads}:",
            "the file says so.",
            "Leave out --heads.",
        )
    heads = heads or told or _PUBLISHED_HEADS.get(width, 0)
    if heads < 1 or width % heads:
        raise InputError(
            "The number of attention heads is not known:",
            f"the weights are {width} wide, and " + (f"{heads} does not divide that." if heads else "do not tell it."),
            "Give it with --heads.",
        )
    fields: dict[str, Any] = {
        "layers": _layers_of(tensors),
        "hidden_size": width,
        "heads": heads,
        "intermediate_size": len(tensors["encoder.encoder.layers.0.expand.bias"]),
        "relative_positions": len(tensors["encoder.encoder.relative.weight"]),
        "vocabulary_size": vocabulary_size,
        "outputs": len(tensors.get("head.classifier.bias", [0])),
        "pooling": "cls",
    }
    names = {
        "hidden_dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "activation": "hidden_act",
        "layer_norm_eps": "layer_norm_eps",
        "initializer_range": "initializer_range",
    }
    fields |= {ours: bert[original] for ours, original in names.items() if original in bert}
    head_dropout = _find(settings, "dropout")
    if isinstance(head_dropout, float):
        fields["head_dropout"] = head_dropout
    try:
        return ModelConfig.model_validate(fields)
    except ValueError as error:
        raise InputError("The weights do not fit MolE's network:", " ".join(str(error).split()), "") from error


def _names(layers: int, encoder: str, head: str | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each of our parameter names with its names in the original."""
    yield "encoder.embeddings.words.weight", (encoder + _WORDS,)
    yield "encoder.encoder.relative.weight", (f"{encoder}encoder.rel_embeddings.weight",)
    modules: list[tuple[str, tuple[str, ...]]] = [
        ("encoder.embeddings.norm", (f"{encoder}embeddings.LayerNorm",)),
        ("encoder.encoder.norm", (f"{encoder}encoder.LayerNorm",)),
    ]
    for index in range(layers):
        base = f"{encoder}encoder.layer.{index}."
        for name, originals in _LAYER_NAMES:
            modules.append((f"encoder.encoder.layers.{index}.{name}", tuple(base + part for part in originals)))
    if head is not None:
        modules += [(f"head.{name}", (head + name,)) for name in ("dense", "classifier")]
    for name, originals in modules:
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", tuple(f"{original}.{kind}" for original in originals)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as content:
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - not a dictionary
            metadata = content.metadata() or {}
        return tensors, {"deberta_config": json.loads(metadata["config"])} if "config" in metadata else {}
    except OSError as error:
        raise InputError(f"Cannot read {path}:", f"{error.strerror or error}.", "Check the path.") from error
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path.name} is not a safetensors file:", f"{error}.", "Give another file.") from error


def _find_state(content: Any) -> dict[str, Tensor]:
    """Return the first dictionary of tensors by name: the content itself, its "state_dict", or any other entry."""
    if not isinstance(content, dict):
        return {}
    if isinstance(content.get("state_dict"), dict):
        return _find_state(content["state_dict"])
    own = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if own:
        return own
    for name in ("model", "module", "weights"):
        if found := _find_state(content.get(name)):
            return found
    return {}


def _prefixes(state: Mapping[str, Tensor], file_name: str) -> tuple[str, str | None]:
    encoders = [key.removesuffix(_WORDS) for key in state if key.endswith(_WORDS)]
    heads = [key.removesuffix("classifier.weight") for key in state if key.endswith(_CLASSIFIER)]
    if len(encoders) != 1 or len(heads) > 1:
        raise InputError(
            f"{file_name} is not a MolE checkpoint:",
            f"it has {len(encoders)} tables of atom embeddings and {len(heads)} prediction heads "
            f"(looked for ...{_WORDS}).",
            "Give weights of the original MolE.",
        )
    if "grad" in encoders[0].split("."):
        raise InputError(f"{file_name} holds gradients, not weights:", "", "Give weights of the original MolE.")
    return encoders[0], heads[0] if heads else None


def _count_layers(state: Mapping[str, Tensor], encoder: str) -> int:
    pattern = re.compile(re.escape(encoder) + r"encoder\.layer\.(\d+)\.")
    return 1 + max((int(found[1]) for key in state if (found := pattern.match(key))), default=0)


def _layers_of(tensors: Mapping[str, Tensor]) -> int:
    return sum(name.endswith(".expand.bias") for name in tensors)


def _stacked(parts: list[Tensor]) -> Tensor:
    return (torch.cat(parts) if len(parts) > 1 else parts[0]).float()


def _check_shapes(tensors: Mapping[str, Tensor], width: int, file_name: str) -> None:
    for name, tensor in tensors.items():
        if name.endswith("attention.mix.projection.weight") and tensor.shape != (3 * width, width):
            raise _mismatch(file_name, [f"{name} is {tuple(tensor.shape)}, not {(3 * width, width)}"], [])
        if not torch.isfinite(tensor).all():
            raise InputError(f"{file_name} is damaged:", f"{name} holds values that are not numbers.", "")


def _mismatch(file_name: str, missing: list[str], strange: list[str]) -> InputError:
    causes = []
    if missing:
        causes.append(f"{counted(len(missing), 'weight is', 'weights are')} missing ({_some(missing)})")
    if strange:
        causes.append(f"{counted(len(strange), 'is', 'are')} unknown ({_some(strange)})")
    return InputError(
        f"{file_name} does not fit MolE's network:", f"{' and '.join(causes)}.", "Give weights of the original MolE."
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _find(settings: Any, name: str) -> Any:
    """Return the first value called `name` at any depth of nested dictionaries, or None."""
    if not isinstance(settings, dict):
        return None
    if name in settings:
        return settings[name]
    found = (_find(value, name) for value in settings.values())
    return next((value for value in found if value is not None), None)
