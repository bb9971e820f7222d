"""Photograph the Data page with 2,000 molecules: `python docs/make_data_screenshots.py [FOLDER]`.

The molecules are enumerated as those of the samples are, with a few faults put in; nothing is drawn or retouched.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from make_screenshots import PATIENCE, Photographer
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit

from app.text import OWN
from app.widgets.space_map import SpaceMap
from benchmarks import make_samples

SIZE, SEED = 2_000, 7
LASSO = ((0.06, 0.30), (0.16, 0.12), (0.30, 0.14), (0.36, 0.40), (0.30, 0.66), (0.14, 0.70))


def library(path: Path) -> Path:
    """Write the molecules with their computed logP; some are salts, some stand there twice, some cannot be read."""
    from rdkit import Chem

    pool = make_samples.enumerate_molecules(random.Random(SEED), make_samples.GROUPS, make_samples.GROUPS)
    kept: list[tuple[str, str]] = []
    while len(kept) < SIZE - 18:
        smiles = next(pool)
        kept.append((smiles, f"{make_samples.logp(Chem.MolFromSmiles(smiles)):.2f}"))
    faults = [(f"{smiles}.Cl", value) for smiles, value in kept[40:47]]
    faults += kept[100:105]
    faults += [(smiles, f"{float(value) + 2:.2f}") for smiles, value in kept[200:203]]
    faults += [("C1CC(N)CC", "0.40"), ("c1ccc2c(c1", "2.10"), (kept[9][0], "n/a")]
    rows = [*kept, *faults]
    random.Random(SEED).shuffle(rows)
    lines = [f"ML-{number:04d},{smiles},{value}" for number, (smiles, value) in enumerate(rows, 1)]
    path.write_text("name,smiles,computed logP\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def draw_lasso(shown: SpaceMap) -> None:
    """Drag around a group of dots, and rest the pointer on one of them."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    places = [QPointF(x * shown.width(), y * shown.height()) for x, y in LASSO]
    steps = [(QEvent.Type.MouseButtonPress, places[0], left)]
    steps += [(QEvent.Type.MouseMove, place, left) for place in places[1:]]
    steps += [(QEvent.Type.MouseButtonRelease, places[-1], left)]
    for kind, place, button in steps:
        _send(shown, kind, place, button)
    if shown.selected_rows:
        _send(shown, QEvent.Type.MouseMove, shown.place_of(shown.selected_rows[0]), none)


def _send(shown: SpaceMap, kind: QEvent.Type, place: QPointF, button: Qt.MouseButton) -> None:
    event = QMouseEvent(kind, place, shown.mapToGlobal(place), button, button, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(shown, event)


def tour(photographer: Photographer, path: Path) -> None:
    """Table, map with a lasso, filters."""
    window, session = photographer.window, photographer.window.session
    opened = photographer.hear(session.dataset_opened)
    window.open_path(path)
    photographer.wait(PATIENCE, lambda: bool(opened))
    touched = window.data_page.side.curation._touched["flatten_stereo"]
    photographer.wait(PATIENCE, lambda: bool(touched.text()))
    photographer.wait(3.0)
    photographer.take("data", dark=True)
    shown = window.findChild(SpaceMap, "spaceMap")
    photographer.press("mapViewButton")
    photographer.wait(PATIENCE, lambda: bool(shown.rows))
    method = window.findChild(QComboBox, "mapMethodCombo")
    before = shown._points
    method.setCurrentIndex(method.findData("tsne"))
    photographer.wait(PATIENCE, lambda: shown._points is not before)
    photographer.wait(1.0)
    draw_lasso(shown)
    photographer.wait(2.0)
    photographer.take("data-map", dark=True)
    photographer.press("tableViewButton")
    window.data_page.rows.table.clearSelection()
    mode = window.findChild(QComboBox, "searchModeCombo")
    mode.setCurrentIndex(mode.findData("smarts"))
    window.findChild(QLineEdit, "searchEdit").setText("c1ccccc1C(=O)N")
    photographer.wait(1.0)
    window.findChild(QLineEdit, "searchEdit").returnPressed.emit()
    window.data_page.rows.columns._show_properties(("MW", "TPSA"))
    photographer.wait(PATIENCE, lambda: f"{OWN}TPSA" in session.columns.own)
    window.data_page.side.column.range_wanted.emit("computed logP", 1.0, 3.0)
    photographer.wait(4.0)
    photographer.take("data-filter")


def main() -> None:
    """Take the pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as workspace:
        photographer = Photographer(app, Path(workspace) / "MolE Studio", folder)
        photographer.wait(1.0)
        tour(photographer, library(Path(workspace) / "library.csv"))
        photographer.window.close()
        photographer.wait(1.0)


if __name__ == "__main__":
    main()
