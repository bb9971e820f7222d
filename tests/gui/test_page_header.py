"""The bar at the top of Data and Train: what is learned, what leaks, and what gives way in a narrow window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QWidget

from app.widgets.basic import Chip, secondary_button
from app.widgets.page_header import PageHeader
from tests.gui.conftest import write_csv


@pytest.fixture
def leaking(window, open_file, tmp_path):
    """Return the Data page with two targets, and a structure that both trains and tests."""
    rows = [("smiles", "NR-AR", "NR-ER", "split"), ("CCO", "0.5", "1.5", "train"), ("OCC", "0.6", "2.5", "test")]
    rows += [("C" * n, f"0.{n}", f"{n}.5", "test" if n > 9 else "train") for n in range(3, 12)]
    path = write_csv(tmp_path / "leaking.csv", rows)
    window.resize(1280, 800)
    open_file(path)
    targets = ["NR-AR", "NR-ER"]
    window.session.start_task(window.session.datasets.revise({"targets": targets}, {}))
    return window.data_page


def chips(page) -> list[str]:
    return [chip.text() for chip in page.header.findChildren(Chip) if not chip.isHidden()]


def test_test_structures_that_train_are_told_and_lead_to_the_split(qtbot, window, leaking):
    qtbot.waitUntil(lambda: len(window.session.dataset.roles.tasks) == 2)
    notice = leaking.header.findChild(QPushButton, "headerNotice")
    assert notice.text() == "1 test structure also in train"
    window.go_to("train")
    train = window.page("train")
    told = train.header.findChild(QPushButton, "headerNotice")
    assert told.text() == notice.text()
    assert not told.isHidden()
    assert train.header.title() == "Train: NR-AR and 1 more"
    assert "split by column 'split'" in chips(train)
    qtbot.mouseClick(told, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(leaking.isVisible)
    words = leaking.side.findChild(QLabel, "splitWords")
    view = leaking.side.findChild(QScrollArea).viewport()
    qtbot.waitUntil(lambda: view.rect().contains(words.mapTo(view, words.rect().center())))


def test_nothing_is_told_of_parts_that_are_apart(window, open_file, molecules_csv):
    open_file(molecules_csv)
    notice = window.data_page.header.findChild(QPushButton, "headerNotice")
    assert notice is None or notice.isHidden()


def test_a_narrow_bar_cuts_its_title_then_drops_plain_facts_never_warnings(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    header = PageHeader("Train: a very long name of a target that was measured at 25 C and pH 7.4", window)
    header.set_chips([("molecules.csv", "neutral"), ("7,631 molecules", "neutral"), ("3 need a look", "warning")])
    header.show_notice("5 test structures also in train")
    header.add_action(secondary_button("Export job"))
    header.resize(1400, 56)
    window.show()
    shown = [chip for chip in header.findChildren(Chip) if not chip.isHidden()]
    assert len(shown) == 3
    header.resize(600, 56)
    assert [chip.text() for chip in shown if not chip.isHidden()] == ["3 need a look"]
    assert header.toolTip() == "molecules.csv, 7,631 molecules"
    assert not header.findChild(QPushButton, "headerNotice").isHidden()
    title = next(label for label in header.findChildren(QLabel) if label.text() == header.title())
    qtbot.waitUntil(lambda: title.toolTip() == header.title())
    header.resize(1400, 56)
    assert not any(chip.isHidden() for chip in shown)
