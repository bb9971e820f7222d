"""The `.mole` bundle: one zip with `model.safetensors`, `card.json` and a readable `MODEL_CARD.md`."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mole_engine._version import __version__
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home
from mole_engine.store.card import FORMAT_VERSION, ModelCard, maker
from mole_engine.store.card_text import card_markdown
from mole_engine.store.files import atomic_path, is_folder
from mole_engine.store.shipped import shipped_models, shipped_path

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".mole"
_TENSORS, _CARD, _PAGE, _BLEND = "model.safetensors", "card.json", "MODEL_CARD.md", "blend.safetensors"

# Far beyond any honest model; a file that claims more is broken or hostile.
_LIMITS = {_TENSORS: 64 * 2**30, _CARD: 256 * 2**20, _BLEND: 64 * 2**30}
_ANOTHER = "Choose another model file, or ask its sender for a new copy."


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a `.mole` file holds, on the CPU.

    Attributes
    ----------
    card
        All that it says about itself.
    tensors
        Weights of the network by name; of the first one, where there are several.
    blend
        What else predicts, by name: weights of further networks ("network-2.head...") and arrays of simple models
        ("extra.0.feature"); empty for a single network.
    """

    card: ModelCard
    tensors: dict[str, Tensor]
    blend: dict[str, Tensor] = field(default_factory=dict)


def save_bundle(
    path: str | Path, tensors: Mapping[str, Tensor], card: ModelCard, blend: Mapping[str, Tensor] | None = None
) -> None:
    """Write a bundle atomically.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    tensors
        Weights by name; stored from the CPU, contiguous.
    card
        Goes in as JSON and as Markdown.
    blend
        See `Bundle`; only with a card that describes a blend.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be written, or the disk is full.
    """
    from safetensors.torch import save

    # Clones: two names of one storage (tied weights) are an error for safetensors.
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    more = {name: tensor.contiguous() for name, tensor in (blend or {}).items()}
    if card.blend:
        # How many there must be: an array of a tree that is missing is nothing that loading would notice.
        card = replace(card, blend={**card.blend, "tensors": len(more)})
    with atomic_path(Path(path)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_CARD, json.dumps(card.to_dict(), allow_nan=False, ensure_ascii=False))
        archive.writestr(_PAGE, card_markdown(card))
        # Weights do not compress; stored, they are read at the speed of the disk.
        archive.writestr(_TENSORS, save(whole), compress_type=zipfile.ZIP_STORED)
        if card.blend:
            # Trees do compress: to a third.
            archive.writestr(_BLEND, save(more))


def read_bundle(path: str | Path) -> Bundle:
    """Read a whole bundle.

    Raises
    ------
    InputError
        In one sentence: missing, no permission, not a bundle, damaged, or made by a newer version.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    raw_card, raw_tensors = _read(Path(path), (_CARD, _TENSORS))
    card = _card(raw_card, Path(path))
    # Told here, where the file has a name; a card alone can be looked at with settings that are not known.
    card.train_config(Path(path).name)
    raw_blend = _read(Path(path), (_BLEND,))[0] if card.blend else b""
    try:
        return Bundle(card, load(raw_tensors), load(raw_blend) if raw_blend else {})
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(Path(path), "its weights cannot be read") from error


def read_card(path: str | Path) -> ModelCard:
    """Read only the card (needs no torch). Raises InputError as `read_bundle` does."""
    (raw_card,) = _read(Path(path), (_CARD,))
    return _card(raw_card, Path(path))


def read_model_page(path: str | Path) -> str:
    """Return the card of a bundle as Markdown. Raises InputError."""
    return card_markdown(read_card(path))


def _read(path: Path, members: tuple[str, ...]) -> list[bytes]:
    path = from_home(path)
    if len(path.parts) == 1 and not path.exists():
        # A name alone may be that of a model that comes with the program.
        path = shipped_path(str(path)) or path
    if path.is_dir() and (path / f"model{SUFFIX}").is_file():
        # A run's folder stands for its model.
        path = path / f"model{SUFFIX}"
    try:
        with zipfile.ZipFile(path) as archive:
            return [_member(archive, name, path) for name in members]
    except (zipfile.BadZipFile, EOFError) as error:
        if zipfile.is_zipfile(path):
            raise _damaged(path, str(error) or "it is cut off") from error
        if _begins_as_archive(path):
            raise _damaged(path, "it is cut off") from error
        raise _not_a_bundle(path) from error
    except FileNotFoundError as error:
        remedy = f"Check the path. Models that come with the program: {', '.join(shipped_models())}."
        raise InputError(f"There is no model file {path}.", "", remedy) from error
    except (IsADirectoryError, PermissionError) as error:
        raise _refused(path) from error
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, str(error)) from error


def _refused(path: Path) -> InputError:
    # To Windows, opening a folder is a matter of rights.
    if is_folder(path):
        return InputError(f"{path} is a folder, not a model file.", "", "Choose the .mole file.")
    return InputError(f"Cannot read {path}:", "permission denied.", "Change its rights, or copy it.")


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    matches = [entry for entry in archive.infolist() if entry.filename == name]
    if not matches:
        raise _not_a_bundle(path)
    if len(matches) > 1 or matches[0].file_size > _LIMITS[name]:
        raise _damaged(path, f"its {name} is not as it should be")
    # Read no more than announced: the size in the directory is a claim.
    with archive.open(matches[0]) as stream:
        content = stream.read(matches[0].file_size)
        if stream.read(1):
            raise _damaged(path, f"its {name} is longer than announced")
    return content


def _card(raw: bytes, path: Path) -> ModelCard:
    try:
        content: Any = json.loads(raw)
        version = int(content["format_version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, "its card cannot be read") from error
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path.name} was made by a newer MolE Studio:",
            f"its format is {version}, this version reads up to {FORMAT_VERSION}.",
            "Update MolE Studio.",
        )
    try:
        return ModelCard.from_dict(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if newer := newer_version(content):
            words = f"version {newer}; this is version {__version__}."
            raise InputError(f"{path.name} was made by a newer MolE Studio:", words, "Update MolE Studio.") from error
        raise _damaged(path, f"its card is not complete ({error})") from error


def newer_version(card: Any) -> str:
    """Return the version that has written the content of a card, if it is newer than this one; else ""."""
    made_by = maker(card.get("versions")) if isinstance(card, dict) else ""
    return made_by if _numbers(made_by) > _numbers(__version__) else ""


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def _begins_as_archive(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def _not_a_bundle(path: Path) -> InputError:
    return InputError(f"{path.name} is not a MolE model.", "", "Choose a .mole file that MolE Studio wrote.")


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path.name} is damaged:", f"{why}.", _ANOTHER)
