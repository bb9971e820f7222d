from __future__ import annotations

import pytest

from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.errors import Cancelled
from mole_engine.data import many_molecules
from mole_engine.data.many_molecules import scaffolds_of, standardise_lightly, standardise_texts
from mole_engine.data.standardise import Standardised

TEXTS = ["CCO", "C1CC", "CC(=O)[O-].[Na+]", "", "c1ccccc1CC", "CCO"] * 3


@pytest.fixture
def helpers(monkeypatch):
    monkeypatch.setattr(many_molecules, "PARALLEL_FROM", 2)
    monkeypatch.setattr(many_molecules, "worker_count", lambda spared: 2)


def test_helper_processes_find_the_same(helpers, monkeypatch):
    config = CurationConfig(neutralise=False)
    there = standardise_texts(TEXTS, config)
    monkeypatch.setattr(many_molecules, "worker_count", lambda spared: 1)
    assert standardise_texts(TEXTS, config) == there
    assert there[2].smiles == "CC(=O)[O-]"


def test_scaffolds_in_order(helpers):
    assert scaffolds_of(["CCO", "CC1CC1", "CCO"]) == ["", "C1CC1", ""]


def test_each_different_text_is_worked_on_once(monkeypatch):
    seen = []
    monkeypatch.setattr(many_molecules, "standardise", lambda text, _config: seen.append(text) or Standardised(text))
    assert standardise_texts(TEXTS, CurationConfig()) == [Standardised(text) for text in TEXTS]
    assert sorted(seen) == sorted(set(TEXTS))


def test_only_what_there_is_to_tell_takes_an_object():
    found = standardise_lightly(["OCC", "C1CC", "CC(=O)[O-].[Na+]"], CurationConfig())
    assert found[0] == "CCO"
    assert [type(item) for item in found] == [str, Standardised, Standardised]


def test_progress_and_cancelling():
    steps = []
    standardise_texts(TEXTS, CurationConfig(), lambda *where: steps.append(where))
    assert steps[0] == ("curate", 0, 5)
    assert steps[-1] == ("curate", 5, 5)

    def stop(*_where):
        raise Cancelled

    with pytest.raises(Cancelled):
        scaffolds_of(TEXTS[:1], stop)
