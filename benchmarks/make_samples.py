"""Write resources/samples/*.csv: molecules enumerated from building blocks, values computed with RDKit.

Run it from the repository root; the result is the same each time:

    python benchmarks/make_samples.py
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

SEED = 20261123
LOGP_SIZE = 600
RULES_SIZE = 500

# {a} and {b} stand where substituents go; rings of cores are numbered 1-3, those of substituents 5-8.
CORES = (
    "c1cc({b})ccc1{a}", "c1c({b})cccc1{a}", "c1cc({b})c(F)cc1{a}", "c1cc({b})ncc1{a}", "c1nc({b})ncc1{a}",
    "c1cc({b})c(OC)cc1{a}", "c1ccc2c(c1)nc({b})n2C{a}", "c1cc2c(cc1{a})[nH]cc2{b}", "c1cc2c(cc1{a})c(=O)n({b})cn2",
    "c1c({b})sc(n1){a}", "c1c({b})onc1{a}", "n1c({b})cc(n1C){a}", "c1cc2ncc({b})cc2cc1{a}", "c1cc2nc({b})sc2cc1{a}",
    "c1c({b})n2ncc({a})c2nc1", "C1CN({a})CCC1{b}", "C1CN({a})CCN1{b}", "c1cc2c(cc1{a})OC(C)(C)CC2{b}",
    "C1CC1({b}){a}", "c1cc({b})oc1{a}", "c1c({a})cc2c(c1)CCN({b})C2", "[C@@H](C{a})(O){b}", "CC(C)[C@H]({a})N{b}",
    "Nc1nc({a})nc2c1ncn2{b}", "C1C[C@@H]({b})CN1{a}",
)  # fmt: skip
GROUPS = (
    "C(=O)N5CCOCC5", "C(=O)NC5CC5", "C(=O)NCc5ccccc5", "C(=O)Nc5ccc(F)cc5", "C(=O)O", "C(=O)OCC", "C(=O)N(C)C",
    "C(=O)c5ccccc5", "S(=O)(=O)NC", "S(=O)(=O)N5CCCC5", "S(=O)(=O)C", "C#N", "C(F)(F)F", "CC(C)C", "CCO", "CCOC",
    "CN5CCN(C)CC5", "CN(C)C", "Cc5ccccc5", "Cc5ccc(Cl)cc5", "Cc5cccnc5", "CC5CCCCC5", "c5ccccc5", "c5ccc(OC)cc5",
    "c5ccc(cc5)C#N", "c5cnn(C)c5", "c5ccncc5", "c5cccs5", "c5nc(C)no5", "C5CCCC5", "CCN5CCOCC5", "C(C)c5ccccc5",
    "CC(=O)NC(C)C", "CC(=O)O", "C(=O)NO", "C(=O)NCCN(C)C", "CCCC", "C",
)  # fmt: skip
LARGE_GROUPS = (
    "C(=O)N[C@@H](Cc5ccccc5)C(=O)N[C@@H](CC(C)C)C(=O)O", "C(=O)NCCCCCCCCCCCC", "CCCCCCCCCC",
    "C(=O)N5CCN(CC5)c6ccc(cc6)C(c7ccccc7)c8ccccc8", "C5OC(CO)C(O)C(O)C5O",
    "C(=O)N[C@@H](CCC(=O)N)C(=O)NCC(=O)NC", "c5ccc(cc5)c6ccc(cc6)C(F)(F)F", "C(=O)Nc5cc(C(F)(F)F)cc(C(F)(F)F)c5",
    "S(=O)(=O)Nc5ccc(cc5)S(=O)(=O)Nc6nccs6", "C(=O)NCCOCCOCCOCCN", "Cc5ccc(cc5)Oc6ccc(Cl)c(Cl)c6",
    "C(=O)N[C@@H](CO)C(=O)N[C@@H](CCCNC(N)=N)C(N)=O",
)  # fmt: skip


UNLIKELY = tuple(
    Chem.MolFromSmarts(pattern)
    for pattern in (
        "[NX3,O,S]C(=O)[OH]",  # carbamic acids fall apart
        "[N,n]C#N", "C(=O)C#N", "[#7,#8]S(=O)(=O)[#7,#8][#6]=O", "C([OH])([N,O,S])", "[OH]CS(=O)(=O)",
        "[N,O]-[N,O;!$(NS)]", "C(=O)C(=O)", "[CX4]([NX3])S(=O)(=O)", "[OH]C[N,n]",
    )
)  # fmt: skip


def enumerate_molecules(rng: random.Random, first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    """Yield unique canonical SMILES of random combinations of a core and two substituents, without end."""
    seen: set[str] = set()
    while True:
        mol = Chem.MolFromSmiles(rng.choice(CORES).format(a=rng.choice(first), b=rng.choice(second)))
        if mol.GetNumHeavyAtoms() < 8 or any(mol.HasSubstructMatch(pattern) for pattern in UNLIKELY):
            continue
        smiles = Chem.MolToSmiles(mol)
        if smiles not in seen:
            seen.add(smiles)
            yield smiles


def logp(mol: Chem.Mol) -> float:
    """Wildman-Crippen logP, a sum of atom contributions (J. Chem. Inf. Comput. Sci. 1999, 39, 868)."""
    return round(float(Crippen.MolLogP(mol)), 2)


def passes_oral_rules(mol: Chem.Mol) -> bool:
    """Lipinski's and Veber's rules together, all without exception."""
    return (
        Descriptors.MolWt(mol) <= 500
        and Crippen.MolLogP(mol) <= 5
        and rdMolDescriptors.CalcNumHBD(mol) <= 5
        and rdMolDescriptors.CalcNumHBA(mol) <= 10
        and rdMolDescriptors.CalcNumRotatableBonds(mol) <= 10
        and rdMolDescriptors.CalcTPSA(mol) <= 140
    )


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def logp_sample(rng: random.Random) -> list[tuple[str, str, float]]:
    pool = enumerate_molecules(rng, GROUPS, GROUPS)
    rows: list[tuple[str, str, float]] = []
    while len(rows) < LOGP_SIZE:
        smiles = next(pool)
        mol = Chem.MolFromSmiles(smiles)
        if Descriptors.MolWt(mol) <= 480:
            rows.append((f"LP-{len(rows) + 1:04d}", smiles, logp(mol)))
    return rows


def rules_sample(rng: random.Random) -> list[tuple[str, str, str]]:
    pools = [enumerate_molecules(rng, LARGE_GROUPS, GROUPS), enumerate_molecules(rng, GROUPS, GROUPS)]
    quota = {"pass": RULES_SIZE * 11 // 20, "fail": RULES_SIZE - RULES_SIZE * 11 // 20}
    rows: dict[str, str] = {}
    while any(quota.values()):
        smiles = next(rng.choice(pools))
        verdict = "pass" if passes_oral_rules(Chem.MolFromSmiles(smiles)) else "fail"
        if quota[verdict] and smiles not in rows:
            quota[verdict] -= 1
            rows[smiles] = verdict
    mixed = list(rows.items())
    rng.shuffle(mixed)
    return [(f"OR-{number:04d}", smiles, verdict) for number, (smiles, verdict) in enumerate(mixed, 1)]


def comma(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def messy_sample(rng: random.Random) -> list[tuple[str, ...]]:
    """150 rows of the kind that a spreadsheet collects over the years; every fault is deliberate."""
    pool = enumerate_molecules(rng, GROUPS, GROUPS)
    rows: list[tuple[str, ...]] = []
    for number, smiles in zip(range(1, 121), pool, strict=False):
        rows.append((f"Präparat {number}", smiles, comma(logp(Chem.MolFromSmiles(smiles))), ""))
    salts = ("Cl", "Br", "OC(=O)C(F)(F)F", "CS(=O)(=O)O", "OC(=O)/C=C/C(=O)O")
    for i in range(8):
        name, smiles, value = rows[i][:3]
        rows[i] = (name, f"{smiles}.{salts[i % len(salts)]}", value, "Salz, logP der freien Base")
    for i in (10, 11, 12):
        rows.append((rows[i][0] + " (Wiederholung)", rows[i][1], rows[i][2], "zweite Charge"))
    for i in (20, 21):
        other = comma(float(rows[i][2].replace(",", ".")) + 2.5)
        rows.append((rows[i][0] + " (Labor Zürich)", rows[i][1], other, "weicht ab"))
    for i in (30, 31, 32):
        rows[i] = (*rows[i][:2], "", "nicht gemessen")
    rows[33] = (*rows[33][:2], "n/a", "")
    rows[34] = (*rows[34][:2], "unlöslich", "Trübung bei 25 °C")
    rows[35] = (*rows[35][:2], ">5,0", "oberhalb des Messbereichs")
    rows[36] = (*rows[36][:2], "<-1,0", "unterhalb des Messbereichs")
    rows += [
        ("Prüfmuster A", "C1CCCC", "1,50", "Ring offen"),
        ("Prüfmuster B", "CC(=O", "0,20", "abgeschnitten"),
        ("Prüfmuster C", "c1ccccc1(C)(C)C", "2,10", "zu viele Bindungen"),
        ("Prüfmuster D", "siehe Laborbuch", "1,00", "kein SMILES"),
        ("Prüfmuster E", "", "3,10", "Struktur vertraulich"),
        ("Kochsalz", "[Na+].[Cl-]", "-3,00", "anorganisch"),
        ("Natriumbenzoat", "[Na+].[O-]C(=O)c1ccccc1", comma(logp(Chem.MolFromSmiles("OC(=O)c1ccccc1"))), "Salz"),
        ("Glycin", "[NH3+]CC(=O)[O-]", comma(logp(Chem.MolFromSmiles("NCC(=O)O"))), "Zwitterion; 5 µM"),
    ]
    rng.shuffle(rows)
    return rows


def write_messy(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Semicolons, Windows line ends, Latin-1."""
    with path.open("w", encoding="latin-1", newline="") as stream:
        writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        writer.writerow(("Name", "SMILES", "computed_logP", "Bemerkung"))
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parent.parent / "resources" / "samples"
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    write(out / "logp.csv", ("name", "smiles", "computed_logP"), logp_sample(random.Random(SEED + 0)))
    write(out / "oral_rules.csv", ("name", "smiles", "computed_oral_rules"), rules_sample(random.Random(SEED + 1)))
    write_messy(out / "messy.csv", messy_sample(random.Random(SEED + 2)))
    print(f"wrote logp.csv, oral_rules.csv and messy.csv to {out}")


if __name__ == "__main__":
    main()
