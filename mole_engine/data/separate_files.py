"""Molecules of a separate validation or test file: behind those of the main file, repeats within their part merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mole_engine.chem.molecules import UnreadableMolecule, inchikey, parse_smiles
from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import CurationReport, IssueKind, RowIssue, Split
from mole_engine.contracts.wording import counted
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.duplicates import Group, agreements, merge
from mole_engine.data.table import RawTable


@dataclass(frozen=True)
class Separate:
    """A separate file.

    Attributes
    ----------
    part
        What its molecules are for.
    table, dataset
        The file as read, and its molecules.
    """

    part: Literal["validation", "test"]
    table: RawTable
    dataset: CuratedDataset


def join(
    dataset: CuratedDataset, split: Split, extra: Separate, steps: CurationConfig
) -> tuple[CuratedDataset, Split, str]:
    """Add the molecules of a separate file to its part.

    Where the main file has molecules in this part too, structures that stand in both are merged, as rows of one file
    are: the molecule keeps its place and belongs to the separate file from then on (folds never learn from those).

    Parameters
    ----------
    dataset, split
        The molecules so far and their parts.
    extra
        The file.
    steps
        How duplicates are merged.

    Returns
    -------
    dataset, split
        With the file's molecules behind the others.
    words
        What a user should know where the part has molecules of the main file too, else empty.
    """
    before = split.validation if extra.part == "validation" else split.test
    own = [place for place in before if not dataset.file_of[place]]
    pairs = _repeats(dataset, own, extra.dataset, steps) if steps.merge_duplicates else {}
    groups = _merged(dataset, extra.dataset, pairs, steps)
    left = {pairs[place] for place, group in groups.items() if _leaves(group, steps)}
    joined = _joined(dataset, extra, pairs, groups, _report(dataset, extra, groups, steps))
    added = range(len(dataset), len(joined))
    members = (*(place for place in before if place not in left), *added)
    name = extra.dataset.info.name
    method = f"{split.method}, {extra.part} {'also ' if own else ''}from {name}"
    split = replace(split, method=method)
    split = replace(split, validation=members) if extra.part == "validation" else replace(split, test=members)
    return joined, split, _words(dataset.info.name, extra, len(own), len(pairs) - len(left), len(left)) if own else ""


def _repeats(
    dataset: CuratedDataset, own: Sequence[int], extra: CuratedDataset, steps: CurationConfig
) -> dict[int, int]:
    """Return, for positions of the separate file, the position of the same structure in its part of the main file."""
    key = _inchikey if steps.same_structure == "inchikey" else str
    known = {key(dataset.smiles[place]): place for place in reversed(own)}
    keys = [key(smiles) for smiles in extra.smiles] if known else []
    return {place: known[text] for place, text in enumerate(keys) if text in known}


def _inchikey(smiles: str) -> str:
    try:
        return inchikey(parse_smiles(smiles)) or smiles
    except UnreadableMolecule:
        return smiles


def _merged(
    dataset: CuratedDataset, extra: CuratedDataset, pairs: Mapping[int, int], steps: CurationConfig
) -> dict[int, Group]:
    """Merge the labels of each pair; by position in the separate file."""
    targets, start = np.concatenate([dataset.targets, extra.targets]), len(dataset)
    agreement = agreements(targets, dataset.tasks)
    how, within = steps.duplicates, steps.agree_within
    return {
        place: merge([own, start + place], targets, dataset.tasks, agreement, how, within)
        for place, own in pairs.items()
    }


def _leaves(group: Group, steps: CurationConfig) -> bool:
    return bool(group.disagreements) and (steps.drop_disagreeing or not np.isfinite(group.labels).any())


def _joined(
    dataset: CuratedDataset,
    extra: Separate,
    pairs: Mapping[int, int],
    groups: Mapping[int, Group],
    report: CurationReport,
) -> CuratedDataset:
    more, number = extra.dataset, len(dataset.file_reports) + 1
    new = [place for place in range(len(more)) if place not in pairs]
    rows, targets, weights = dataset.source_rows.copy(), dataset.targets.copy(), dataset.weights.copy()
    file_of, identifiers = dataset.file_of.copy(), list(dataset.identifiers)
    for place, own in pairs.items():
        rows[own], file_of[own], targets[own] = more.source_rows[place], number, groups[place].labels
        weights[own] = (weights[own] + more.weights[place]) / 2
        identifiers[own] = more.identifiers[place] or identifiers[own]
    return CuratedDataset(
        info=dataset.info,
        roles=dataset.roles,
        report=dataset.report,
        smiles=dataset.smiles + [more.smiles[place] for place in new],
        source_rows=np.concatenate([rows, more.source_rows[new]]),
        targets=np.concatenate([targets, more.targets[new]]),
        weights=np.concatenate([weights, more.weights[new]]),
        identifiers=identifiers + [more.identifiers[place] for place in new],
        given_split=None,
        row_molecules=dataset.row_molecules,
        file_of=np.concatenate([file_of, np.full(len(new), number)]),
        file_reports={**dataset.file_reports, more.info.name: report},
    )


def _report(
    dataset: CuratedDataset, extra: Separate, groups: Mapping[int, Group], steps: CurationConfig
) -> CurationReport:
    """Return the report of the separate file, with what became of the rows whose structure the main file has too."""
    report, table, name = extra.dataset.report, extra.table, dataset.info.name
    if not groups:
        return report
    issues, left = list(report.issues), 0
    for place, group in groups.items():
        row, leaves = int(extra.dataset.source_rows[place]), _leaves(group, steps)
        left += leaves
        kind, outcome = IssueKind.DUPLICATE, f"merged with a {extra.part} row of {name}: same structure"
        if group.disagreements:
            what = "; ".join(f"{task}: {words}" for task, words in group.disagreements.items())
            kind = IssueKind.DISAGREE
            outcome = f"left out, and so is a {extra.part} row of {name}: same structure" if leaves else outcome
            outcome += f" but different labels ({what})"
        cell = table.cell(row, extra.dataset.roles.smiles)
        issues.append(RowIssue(row, table.line(row), kind, outcome, leaves, cell, file=table.file(row)))
    merged = {"merge_duplicates": report.steps.get("merge_duplicates", 0) + len(groups)}
    return replace(
        report,
        kept=report.kept - left,
        issues=tuple(sorted(issues, key=lambda issue: issue.row)),
        steps={**report.steps, **merged},
        disagreeing=report.disagreeing + sum(bool(group.disagreements) for group in groups.values()),
    )


def _words(main: str, extra: Separate, own: int, merged: int, left: int) -> str:
    """Say that a part has molecules of both files, and what to do."""
    name = extra.dataset.info.name
    noun = f"{extra.part} molecule"
    words = f"{counted(own, f'{noun} of {main} itself was', f'{noun}s of {main} itself were')} added to those of {name}"
    if merged:
        words += f"; {counted(merged, 'structure stands in both and was', 'structures stand in both and were')} merged"
    if left:
        disagree = ("structure whose values disagree was", "structures whose values disagree were")
        words += f"; {counted(left, *disagree)} left out"
    use = "validate with" if extra.part == "validation" else "judge by"
    return f"{words}. To {use} {name} alone, take such rows out of {main}, or divide it another way."
