"""Settings are named as in the form, wherever they stand."""

from __future__ import annotations

from app.pages.setting_words import SECTIONS, setting_words
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.settings import setting_names


def test_every_setting_has_a_title_of_its_own():
    titles = [setting_words(path).title for path in setting_names(TrainConfig)]
    assert len(set(titles)) == len(titles)
    assert not any("." in title or "_" in title for title in titles)


def test_a_setting_is_called_what_the_form_calls_it():
    for section in SECTIONS:
        for spec in section.specs():
            assert setting_words(spec.path).title.startswith(spec.title)
    assert setting_words("training.head_learning_rate").title == "Learning rate of the head"
    assert [setting_words(path).title for path in ("seed", "split.seed")] == ["Seed", "Seed (split)"]
    assert setting_words("ensemble.kind").title == "Kind (several networks)"
    assert setting_words("data file").title == "Data file"


def test_numbers_are_written_as_in_the_form_and_texts_are_not_read_as_numbers():
    assert setting_words("training.learning_rate").value("1e-05") == "1e-5"
    assert setting_words("training.learning_rate").value("") == ""
    assert setting_words("split.column").value("1e5") == "1e5"
