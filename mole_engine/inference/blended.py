"""A bundle with several networks or simple models at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from mole_engine.chem.descriptors import quick_descriptor_names, quick_descriptors_digest
from mole_engine.contracts.errors import InputError
from mole_engine.inference.network import encoding_width
from mole_engine.models.network import MolENetwork
from mole_engine.store.bundle import Bundle
from mole_engine.store.card import ModelCard
from mole_engine.training.blend import NETWORK, TUNED, Blend, to_logits, to_values
from mole_engine.training.parts import DESCRIPTORS, EMBEDDINGS
from mole_engine.training.simple_tables import quick_columns, tables_of
from mole_engine.training.tabular import Table

if TYPE_CHECKING:
    from mole_engine.data.batching import MolBatch

Floats = npt.NDArray[np.float64]

_FURTHER = "network-{}."
_ENCODER = "encoder."


class BlendedModel:
    """Networks and simple models that predict together.

    Parameters
    ----------
    bundle
        Whose card describes a blend.
    network
        The first network, with its weights, where the others shall be.

    Raises
    ------
    InputError
        When parts are missing or do not fit.
    """

    def __init__(self, bundle: Bundle, network: MolENetwork) -> None:
        self.tasks = bundle.card.tasks
        self._first = network
        _check_columns(bundle.card)
        try:
            if len(bundle.blend) != int(bundle.card.blend["tensors"]):
                raise ValueError(f"{len(bundle.blend)} of {bundle.card.blend['tensors']} arrays are there")
            self.blend = Blend.load(bundle.card.blend, _arrays(bundle.blend), self.tasks)
            self._networks = [network, *_further(bundle, network)]
            self._fixed = len(self._networks) - int(bundle.card.blend.get("tuned", 0))
            if not 0 < self._fixed <= len(self._networks) or (self._fixed < len(self._networks)) != (
                TUNED in self.blend.weights
            ):
                raise ValueError("its fine-tuned networks are not those that it names")
        except (ValueError, KeyError, TypeError, RuntimeError, IndexError, AttributeError) as error:
            raise InputError(f"'{bundle.card.name}' is damaged:", f"its blend is not whole ({error}).") from error
        self.shares_encoder = all(item.encoder is network.encoder for item in self._networks[: self._fixed])
        self.width = len(self._networks) * network.config.outputs + encoding_width(network)

    def compute(self, batch: MolBatch) -> torch.Tensor:
        """Return (B, width): the logits of each network, then the vector of the first one's encoder."""
        pooled = self._first.encode(batch.tokens, batch.distances, batch.mask)
        logits = [
            network.read_out(pooled, batch.descriptors)
            if network.encoder is self._first.encoder
            else network.predict_batch(batch)
            for network in self._networks
        ]
        return torch.cat([*logits, pooled], dim=1)

    def logits(
        self, computed: Floats, texts: Sequence[str], descriptors: npt.NDArray[np.float32] | None
    ) -> tuple[Floats, Floats]:
        """Return what the blend says, and how much its models disagree; rows of NaN where it cannot.

        Parameters
        ----------
        computed
            (n, width) of `compute`, NaN for unreadable molecules.
        texts
            Their SMILES.
        descriptors
            (n, D) all descriptors, if they are there already.

        Returns
        -------
        logits, spread
            (n, outputs) as a single network would give them, and see `Blend.spread`.
        """
        outputs = self._first.config.outputs
        readable = ~np.isnan(computed[:, 0])
        values, spread = (np.full((len(computed), outputs), np.nan) for _ in range(2))
        if readable.any():
            tables = self._tables(computed[readable], texts, descriptors, readable)
            values[readable], spread[readable] = self._combined(computed[readable], tables)
        return to_logits(values, self.tasks), spread

    def logits_of(self, computed: Floats, tables: Mapping[str, Table]) -> tuple[Floats, Floats]:
        """Return what `logits` does, of molecules whose tables are there already.

        Parameters
        ----------
        computed
            (n, width) of `compute`.
        tables
            Descriptors (all or the quick ones) and counts, by name; none where there are no simple models.
        """
        if tables:
            described = tables[DESCRIPTORS]
            if described.shape[1] != len(quick_descriptor_names()):
                described = quick_columns(described)
            tables = self._with_embeddings({**tables, DESCRIPTORS: described}, computed)
        values, spread = self._combined(computed, tables)
        return to_logits(values, self.tasks), spread

    @property
    def _edge(self) -> int:
        """Where the logits of the networks end and the vector of the encoder begins."""
        return len(self._networks) * self._first.config.outputs

    def _combined(self, computed: Floats, tables: Mapping[str, Any]) -> tuple[Floats, Floats]:
        outputs = self._first.config.outputs
        members = [to_values(computed[:, at : at + outputs], self.tasks) for at in range(0, self._edge, outputs)]
        networks = {NETWORK: np.mean(members[: self._fixed], axis=0)}
        if self._fixed < len(members):
            networks[TUNED] = np.mean(members[self._fixed :], axis=0)
        values = self.blend.values(networks, tables)
        return self.blend.combine(values), self.blend.spread(values)

    def _tables(
        self,
        computed: Floats,
        texts: Sequence[str],
        descriptors: npt.NDArray[np.float32] | None,
        readable: npt.NDArray[np.bool_],
    ) -> Mapping[str, Any]:
        if not self.blend.parts:
            return {}
        chosen = [text for text, usable in zip(texts, readable, strict=True) if usable]
        tables = tables_of(chosen, None, None if descriptors is None else descriptors[readable])
        return self._with_embeddings(tables, computed)

    def _with_embeddings(self, tables: dict[str, Table], computed: Floats) -> dict[str, Table]:
        # Where each network changed the encoder in its own way, the simple models were fitted without it.
        pooled = {EMBEDDINGS: computed[:, self._edge :].astype(np.float32)} if self.shares_encoder else {}
        return {**tables, **pooled}


def blend_tensors(
    members: Sequence[Mapping[str, torch.Tensor]], arrays: Mapping[str, npt.NDArray[Any]]
) -> dict[str, torch.Tensor]:
    """Return what `Bundle.blend` holds; an encoder that a further network shares with the first is kept once."""
    first = members[0]
    tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
    for number, member in enumerate(members[1:], start=2):
        shares = all(torch.equal(value, first[name]) for name, value in member.items() if name.startswith(_ENCODER))
        # All the rest is there even where it is equal: what is missing is a fault, not the first network's.
        own = {name: value for name, value in member.items() if not (shares and name.startswith(_ENCODER))}
        tensors |= {_FURTHER.format(number) + name: _small(name, value) for name, value in own.items()}
    return tensors


def _small(name: str, value: torch.Tensor) -> torch.Tensor:
    """Return the weights of an encoder in 16 bits where that loses nothing."""
    if not (name.startswith(_ENCODER) and value.is_floating_point()):
        return value
    half = value.half()
    return half if torch.equal(half.to(value.dtype), value) else value


def _check_columns(card: ModelCard) -> None:
    """Refuse simple models whose descriptors are not those of the RDKit that is installed. Raises InputError."""
    from rdkit import __version__ as installed

    known, count = card.blend.get("columns"), card.blend.get("descriptors")
    if not known or known == quick_descriptors_digest(int(count or 0)):
        return
    raise InputError(
        f"'{card.name}' reads descriptors that are not those of this version:",
        f"it was made with RDKit {card.versions.get('rdkit', 'of an unknown version')}; {installed} is installed.",
        "Install the RDKit that it was made with, or train it again.",
    )


def _arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, npt.NDArray[Any]]:
    return {name: value.numpy() for name, value in tensors.items() if not name.startswith("network-")}


def _further(bundle: Bundle, network: MolENetwork) -> list[MolENetwork]:
    found = []
    for number in range(2, int(bundle.card.blend["networks"]) + 1):
        prefix = _FURTHER.format(number)
        own = {name[len(prefix) :]: value for name, value in bundle.blend.items() if name.startswith(prefix)}
        other = MolENetwork(network.config)
        shares = not any(name.startswith(_ENCODER) for name in own)
        encoder = {name: value for name, value in bundle.tensors.items() if shares and name.startswith(_ENCODER)}
        other.load_state_dict({**encoder, **own}, strict=True)
        if shares:
            other.encoder = network.encoder
        found.append(other.eval().requires_grad_(False).to(next(network.parameters()).device))
    return found
