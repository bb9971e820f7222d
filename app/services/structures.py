"""One structure in the forms that other programs take. Blocking."""

from __future__ import annotations

from typing import Any

from mole_engine.contracts.errors import InputError

_WIDTH, _HEIGHT, _PNG_SCALE = 420, 300, 3


def structure_text(smiles: str, form: str) -> str:
    """Return a structure as "smiles" (canonical), "inchi", "inchikey" or "svg" (for a white page).

    Raises
    ------
    InputError
        Where the structure cannot be read, or has no InChI.
    """
    from rdkit import Chem, rdBase

    from mole_engine.chem.depict import svg_of
    from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles

    try:
        mol = parse_smiles(smiles)
        if form == "svg":
            return svg_of(smiles, _WIDTH, _HEIGHT)
    except UnreadableMolecule as error:
        raise InputError("This structure cannot be copied.", f"It cannot be read: {error.reason}.", "") from error
    forms: dict[str, Any] = {"smiles": Chem.MolToSmiles, "inchi": Chem.MolToInchi, "inchikey": Chem.MolToInchiKey}
    with rdBase.BlockLogs():
        text = forms[form](mol)
    if not text:
        raise InputError("This structure has no InChI.", "The InChI library refuses it.", "Copy it as SMILES.")
    return str(text)


def structure_png(smiles: str) -> bytes:
    """Return a structure as a PNG picture on white, sharp enough for print. Raises InputError as above."""
    return png_of(structure_text(smiles, "svg"), _WIDTH * _PNG_SCALE, _HEIGHT * _PNG_SCALE)


def png_of(svg: str, width: int, height: int) -> bytes:
    """Return a drawing as a PNG picture of `width` x `height` pixels on white."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF
    from PySide6.QtGui import QColor, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#FFFFFF"))
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(image.rect()))
    painter.end()
    held = QByteArray()
    buffer = QBuffer(held)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # PySide takes a text here
    return bytes(held.data())
