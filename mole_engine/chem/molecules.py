"""From text to molecule and back, with a reason in plain words where it cannot be done."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rdkit import Chem, rdBase
from rdkit.Chem import rdinchi

# RDKit writes to stderr for each molecule it refuses; every refusal reaches the user as a row issue instead.
rdBase.DisableLog("rdApp.*")

MAX_SMILES_LENGTH = 5_000
"""Longer texts are no molecules that a transformer could read, and RDKit's time grows with their square."""

_ALLOWED = re.compile(r"[A-Za-z0-9@+\-\[\]()\\/%=#$:.*~<>&]*")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_RING_MARK = re.compile(r"%\((\d+)\)|%(\d\d)|(\d)")
_ELEMENT_IN_BRACKET = re.compile(r"\d*([A-Z][a-z]?|[a-z][a-z]?|\*)")
_OUTSIDE_BRACKETS = re.compile(r"Cl|Br|[BCNOPSFI]|[bcnops]|\*|[A-Za-z]")
_PLAIN_ATOMS = frozenset({"Cl", "Br", *"BCNOPSFI", *"bcnops", "*"})
_STEREO = re.compile(r"@(?:@|(?:TH|AL|SP|TB|OH)\d+)?|[/\\]")
_REWRITTEN = 300_000
"""Molecules of which the SMILES without stereochemistry is kept: every division of a job asks for all of them."""

_VALENCE = re.compile(r"atom # (\d+) (\w+), (\d+)")


class UnreadableMolecule(ValueError):  # noqa: N818 - named as the plan of the house names it
    """A text that is not a molecule.

    Attributes
    ----------
    reason
        Why, in plain words: "ring 1 is never closed".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_smiles(text: str) -> Chem.Mol:
    """Read a SMILES (an InChI is understood too).

    Parameters
    ----------
    text
        The cell; blanks around it do not count. A ChemAxon extension (`|...|` after a blank) is allowed.

    Raises
    ------
    UnreadableMolecule
        With the reason in plain words.
    """
    stripped = text.strip()
    if not stripped:
        raise UnreadableMolecule("the cell is empty")
    if stripped.startswith("InChI="):
        return _parse_inchi(stripped)
    if len(stripped) > MAX_SMILES_LENGTH:
        raise UnreadableMolecule(f"it is longer than {MAX_SMILES_LENGTH} characters")
    smiles, _, rest = stripped.partition(" ")
    if rest.strip() and not rest.lstrip().startswith("|"):
        raise UnreadableMolecule("there is more text after a blank")
    if not _ALLOWED.fullmatch(smiles):
        raise UnreadableMolecule(f"the character {_first_foreign(smiles)} does not belong in a SMILES")
    mol = _from_smiles(stripped)
    if mol is None:
        raise UnreadableMolecule(_reason(smiles))
    if mol.GetNumAtoms() == 0:
        raise UnreadableMolecule("it has no atoms")
    return mol


def canonical_smiles(mol: Chem.Mol) -> str:
    """Return RDKit's canonical isomeric SMILES."""
    return str(Chem.MolToSmiles(mol))


def flat_smiles(smiles: str) -> str:
    """Return a canonical SMILES without stereochemistry, the same for all stereoisomers; itself where it has none.

    Raises
    ------
    UnreadableMolecule
        When `smiles` cannot be read.
    """
    # Without its marks a text is read and written once; a molecule that is changed needs a round trip behind that.
    flat = _STEREO.sub("", smiles)
    return smiles if flat == smiles else _rewritten(flat)


@lru_cache(maxsize=_REWRITTEN)
def _rewritten(smiles: str) -> str:
    return canonical_smiles(parse_smiles(smiles))


def inchikey(mol: Chem.Mol) -> str:
    """Return the standard InChIKey; empty where InChI cannot describe the molecule."""
    try:
        return str(rdinchi.MolToInchiKey(mol))
    except (RuntimeError, ValueError):
        return ""


def _from_smiles(text: str, *, sanitize: bool = True) -> Chem.Mol | None:
    try:
        return Chem.MolFromSmiles(text, sanitize=sanitize)
    except (RuntimeError, ValueError):
        # RDKit answers a few malformed extensions with an exception instead of None.
        return None


def _parse_inchi(text: str) -> Chem.Mol:
    mol: Chem.Mol | None = rdinchi.InchiToMol(text)[0]
    if mol is None or mol.GetNumAtoms() == 0:
        raise UnreadableMolecule("the InChI cannot be read")
    return mol


def _first_foreign(smiles: str) -> str:
    """Quote the first character that no SMILES has, with its name where it looks like another one or like nothing."""
    character = next(character for character in smiles if not _ALLOWED.fullmatch(character))
    name = "" if character.isascii() else unicodedata.name(character, "").lower()
    # An accented letter is seen for what it is; a Cyrillic C, a minus sign and a zero width space are not.
    return f"'{character}'" if not name or name.startswith("latin ") else f"'{character}' ({name})"


def _reason(smiles: str) -> str:
    for look in (_brackets, _elements, _parentheses, _ring_marks, _ends):
        reason = look(smiles)
        if reason:
            return reason
    return _chemistry(smiles) or "it does not follow the rules of SMILES"


def _brackets(smiles: str) -> str:
    if ">" in smiles:
        return "it is a reaction, not a molecule"
    open_at = -1
    for position, character in enumerate(smiles):
        if character == "[":
            if open_at >= 0:
                return f"the bracket at position {open_at + 1} is never closed"
            open_at = position
        elif character == "]":
            if open_at < 0:
                return f"the ']' at position {position + 1} was never opened"
            open_at = -1
    return f"the bracket at position {open_at + 1} is never closed" if open_at >= 0 else ""


def _elements(smiles: str) -> str:
    table = Chem.GetPeriodicTable()
    for inside in _BRACKET.findall(smiles):
        match = _ELEMENT_IN_BRACKET.match(inside)
        if match is None:
            return f"there is no element in '[{inside}]'"
        symbols = {match.group(1), match.group(1)[0]}
        if not any(symbol == "*" or _is_element(table, symbol) for symbol in symbols):
            return f"'{match.group(1)}' is not an element"
    for symbol in _OUTSIDE_BRACKETS.findall(_BRACKET.sub("", smiles)):
        if symbol not in _PLAIN_ATOMS:
            return f"'{symbol}' is not an atom that a SMILES may write without brackets"
    return ""


def _is_element(table: Chem.PeriodicTable, symbol: str) -> bool:
    try:
        return int(table.GetAtomicNumber(symbol.capitalize())) > 0
    except RuntimeError:
        return False


def _parentheses(smiles: str) -> str:
    depth = 0
    for position, character in enumerate(smiles):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return f"the ')' at position {position + 1} was never opened"
    return "a parenthesis is never closed" if depth else ""


def _ring_marks(smiles: str) -> str:
    open_rings: set[str] = set()
    for long, double, single in _RING_MARK.findall(_BRACKET.sub("*", smiles)):
        open_rings ^= {str(int(long or double or single))}
    return f"ring {min(open_rings, key=int)} is never closed" if open_rings else ""


def _ends(smiles: str) -> str:
    if smiles[-1] in "-=#:/\\$~":
        return "the bond at the end leads nowhere"
    if smiles[-1] == ".":
        return "nothing follows the last dot"
    return ""


def _chemistry(smiles: str) -> str:
    mol = _from_smiles(smiles, sanitize=False)
    if mol is None:
        return ""
    for problem in Chem.DetectChemistryProblems(mol):
        if problem.GetType() == "AtomValenceException":
            match = _VALENCE.search(problem.Message())
            if match:
                return f"atom {int(match.group(1)) + 1} ({match.group(2)}) has too many bonds ({match.group(3)})"
        if "ekulize" in problem.GetType() or "ekulize" in problem.Message():
            return "the aromatic ring cannot be drawn with single and double bonds"
    return ""
