#!/usr/bin/env python3
"""Turns a pretrained encoder into a shipped one: half the size, with a card that says where it comes from.

python packaging/ship_model.py ENCODER.mole NAME [--note TEXT ...]      writes resources/models/NAME.mole
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from mole_engine.store.bundle import read_bundle, save_bundle

ORIGIN = (
    "Own weights, trained from random ones with this program; no weights or code of others are in them. Apache-2.0.",
    "Its molecules come from public collections: ZINC, PubChem, ChEMBL (CC BY-SA), NCATS, NCI. None is in this file.",
    "Every molecule of the benchmark sets BACE, BBBP, ESOL, FreeSolv, HIA_Hou, Half_Life_Obach, Lipophilicity, Tox21 "
    "(as uncharged parent, without stereo) was taken out before.",
    "Limits: neutral, drug-like organic molecules of up to some 70 atoms. Metals, peptides and polymers were rare.",
)


def main() -> None:
    """Read, halve, describe, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", metavar="ENCODER.mole")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--note", action="append", default=[], metavar="TEXT", help="another line of the card")
    options = parser.parse_args()
    bundle = read_bundle(options.encoder)
    card = replace(bundle.card, name=options.name, notes=(*bundle.card.notes, *options.note, *ORIGIN))
    tensors = {name: value.to(torch.float16) for name, value in bundle.tensors.items()}
    out = Path(__file__).resolve().parents[1] / "resources" / "models" / f"{options.name}.mole"
    save_bundle(out, tensors, card)
    print(f"{out.name}: {out.stat().st_size / 2**20:.1f} MiB, {card.parameters:,} parameters")


if __name__ == "__main__":
    main()
