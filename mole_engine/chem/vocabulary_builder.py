"""Build a vocabulary from a file of SMILES: `python -m mole_engine.chem.vocabulary_builder FILE --out JSON`.

The shipped vocabulary was built with this command over 701,193 public structures.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rdkit import Chem, rdBase

from mole_engine.chem.environments import atom_environments
from mole_engine.chem.vocabulary import Vocabulary

log = logging.getLogger(__name__)

HEAVIEST_ELEMENT = 118
MINIMUM_COUNT = 3
"""An environment seen less often stands under its element, so that every entry of its own is trained."""


def count_environments(smiles: Iterable[str]) -> Counter[int]:
    """Count the radius-0 environments of all readable molecules."""
    counts: Counter[int] = Counter()
    with rdBase.BlockLogs():
        for text in smiles:
            mol = Chem.MolFromSmiles(text)
            if mol is not None:
                counts.update(atom_environments(mol).tolist())
    return counts


def build_vocabulary(counts: Counter[int], minimum_count: int = MINIMUM_COUNT, name: str = "") -> Vocabulary:
    """Give an entry to each environment seen often enough (most frequent first) and to every element."""
    frequent = [(-count, identifier) for identifier, count in counts.items() if count >= minimum_count]
    # Atomic number 0 is the dummy atom "*".
    return Vocabulary([identifier for _, identifier in sorted(frequent)], range(HEAVIEST_ELEMENT + 1), name)


def write_vocabulary(vocabulary: Vocabulary, path: str | Path) -> None:
    """Write a vocabulary as JSON, one field a line."""
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in vocabulary.to_dict().items()]
    Path(path).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _read_smiles(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        for batch in parquet.ParquetFile(path).iter_batches(columns=["smiles"]):
            yield from batch.column(0).to_pylist()
    else:
        with path.open(encoding="utf-8") as lines:
            yield from (line.split()[0] for line in lines if line.strip())


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="vocabulary_builder", description="Build a vocabulary of atom environments.")
    parser.add_argument("file", type=Path, help="Parquet file with a column 'smiles', or text with one SMILES a line")
    parser.add_argument("--out", type=Path, required=True, help="vocabulary JSON to write")
    parser.add_argument("--minimum-count", type=int, default=MINIMUM_COUNT, help="occurrences an entry needs")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    counts = count_environments(_read_smiles(options.file))
    vocabulary = build_vocabulary(counts, options.minimum_count, options.out.stem)
    write_vocabulary(vocabulary, options.out)
    log.info("%d environments seen in %d atoms; wrote %r", len(counts), counts.total(), vocabulary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
