"""How fast molecules are cleaned up, and how much memory large files take: `python benchmarks/data.py`.

Each line is measured in a process of its own, so that its peak memory is its own. CPU seconds include helper processes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from itertools import cycle, islice
from pathlib import Path

SALTS = ("[Na+].[Cl-]", "Cl", "OC(=O)C(=O)O", "OS(=O)(=O)c1ccc(C)cc1", "OC(=O)/C=C\\C(=O)O", "O")


def sample_smiles() -> list[str]:
    """Return the structures of the bundled sample."""
    text = (files("resources") / "samples" / "logp.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    column = next(name for name in rows[0] if "smiles" in name.lower())
    return [row[column] for row in rows]


def variants(count: int, kind: str) -> list[str]:
    """Return `count` different texts: the sample's molecules, longer by a tail each time they come again."""
    texts = []
    for place, smiles in enumerate(islice(cycle(sample_smiles()), count)):
        grown = "C" * (place // 1000) + smiles if smiles[:1] in "Cc" else smiles
        if kind == "salts":
            grown += "." + SALTS[place % len(SALTS)]
        elif kind == "charged":
            grown = grown.replace("C(=O)O", "C(=O)[O-]", 1) + ".[Na+]"
        texts.append(grown)
    return texts


def curation(kind: str, count: int) -> str:
    """Clean up texts of one kind."""
    from mole_engine.contracts.config import CurationConfig
    from mole_engine.data.many_molecules import standardise_texts

    config = CurationConfig(
        tautomers=kind == "tautomers", same_structure="inchikey" if kind == "InChIKeys" else "smiles"
    )
    texts = list(dict.fromkeys(variants(count, kind)))
    standardise_texts(texts[:10], config)
    started, cpu = time.perf_counter(), _cpu()
    standardise_texts(texts, config)
    wall, used = time.perf_counter() - started, _cpu() - cpu
    return f"{len(texts):,} molecules: {len(texts) / wall:,.0f}/s, {len(texts) / used:,.0f} per CPU second"


def reading(path: str) -> str:
    """Read a file."""
    from mole_engine.data.readers import read_table

    before, started, cpu = _peak(), time.perf_counter(), _cpu()
    table = read_table(path)
    wall, used = time.perf_counter() - started, _cpu() - cpu
    size = Path(path).stat().st_size >> 20
    return f"{len(table):,} rows, {size} MB: {wall:.1f} s, {used:.1f} CPU s, {_peak() - before:.0f} MB above the start"


def write_csv(path: Path, rows: int) -> None:
    """Write a table with four columns."""
    smiles = sample_smiles()
    with path.open("w", encoding="utf-8") as stream:
        stream.write("id,smiles,IC50 (nM),assay\n")
        for row in range(rows):
            stream.write(f"MOL{row},{smiles[row % len(smiles)]},{row % 9973 + 0.25},A{row % 7}\n")


def write_sdf(path: Path, megabytes: int) -> None:
    """Write an SDF with three fields a record."""
    from rdkit import Chem

    blocks = [Chem.MolToMolBlock(mol) for mol in map(Chem.MolFromSmiles, sample_smiles()) if mol]
    size = row = 0
    with path.open("w", encoding="utf-8") as stream:
        while size < megabytes << 20:
            text = (
                f"{blocks[row % len(blocks)]}> <ID>\nMOL{row}\n\n> <pIC50>\n{row % 97 / 10}\n\n> <note>\nnone\n\n$$$$\n"
            )
            stream.write(text)
            size, row = size + len(text), row + 1


def _cpu() -> float:
    """CPU seconds of this process and of the helpers that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


JOBS: dict[str, Callable[..., str]] = {"curation": curation, "reading": reading}


def measured(name: str, *arguments: object) -> str:
    """Run a job in a process of its own and return what it says."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--job", json.dumps([name, *arguments])]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--molecules", type=int, default=20_000, help="molecules to clean up (20000)")
    parser.add_argument("--sdf-megabytes", type=int, default=300, help="size of the SDF (300)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the CSV (1000000)")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.job:
        name, *arguments = json.loads(chosen.job)
        print(JOBS[name](*arguments))
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for kind in ("plain", "salts", "charged", "InChIKeys", "tautomers"):
        count = chosen.molecules // 20 if kind == "tautomers" else chosen.molecules
        print(f"{'clean-up, ' + kind:<22} {measured('curation', kind, count)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, write, size in (("a.csv", write_csv, chosen.rows), ("a.sdf", write_sdf, chosen.sdf_megabytes)):
            path = Path(folder) / name
            write(path, size)
            print(f"{'reading, ' + path.suffix:<22} {measured('reading', str(path))}", flush=True)


if __name__ == "__main__":
    main()
