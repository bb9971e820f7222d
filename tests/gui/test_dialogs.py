"""Dialogs: what Return and Esc do, and whether they fit the window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel

from tests.gui.conftest import write_csv


@pytest.fixture
def report(window, open_file, molecules_csv, click, find):
    """Return the dialog of the clean-up report, in the smallest window."""
    window.resize(window.minimumSize())
    open_file(molecules_csv)
    click("curationReportButton")
    return find("issuesDialog")


def test_return_in_the_report_closes_it(window, report):
    QTest.keyClick(report, Qt.Key.Key_Return)
    assert not report.isVisible()
    assert not window.findChildren(QFileDialog)


def test_the_report_is_no_wider_than_the_window(window, report):
    assert report.width() < window.width()


def test_one_row_of_the_report_was_changed(window, open_file, click, find, tmp_path):
    rows = [("smiles", "y"), ("C1CC", "1"), *(("C" * n, f"{n}") for n in range(1, 9))]
    open_file(write_csv(tmp_path / "one.csv", rows))
    click("curationReportButton")
    words = [label.text() for label in find("issuesDialog").findChildren(QLabel)]
    assert any(text.startswith("1 of 9 rows was changed, left out, or needs a look.") for text in words), words
