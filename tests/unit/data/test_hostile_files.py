from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from mole_engine.contracts.errors import InputError
from mole_engine.data.dataset import read_dataset

_PATH = Path(__file__).parents[2] / "data" / "hostile" / "corpus.py"
_SPEC = importlib.util.spec_from_file_location("hostile_corpus", _PATH)
corpus = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(corpus)


@pytest.mark.parametrize("name", list(corpus.CASES))
def test_opens_or_gives_one_clear_message(name, tmp_path):
    file_name, content, expected = corpus.CASES[name]
    path = tmp_path / file_name
    path.write_bytes(content() if callable(content) else content)
    if isinstance(expected, int):
        dataset = read_dataset(path)
        assert len(dataset) == expected, (dataset.report.issues, dataset.info)
        assert dataset.report.total - len(dataset.report.dropped_rows) == dataset.report.kept == len(dataset)
    else:
        with pytest.raises(InputError) as caught:
            read_dataset(path)
        problem = caught.value.problem
        assert expected in problem.one_line()
        assert problem.title.endswith(".")
        assert problem.remedy
        assert "\n" not in problem.one_line()
