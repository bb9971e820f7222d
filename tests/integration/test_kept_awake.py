"""A computer does not fall asleep over a training, and may do so as soon as that has ended."""

import pytest
import wakepy

from mole_engine.awake import kept_awake
from mole_engine.contracts.events import EpochMetrics
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.run_state import RunState
from mole_engine.inference.embeddings import encode_file
from mole_engine.inference.predictor import load_model
from mole_engine.inference.tables import predict_file, predict_table, read_input
from mole_engine.train import train
from mole_engine.training.pretraining import pretrain


@pytest.fixture
def agreeable(monkeypatch):
    """Have the system agree to stay awake, without one that could be asked."""
    monkeypatch.delenv("WAKEPY_FORCE_FAILURE", raising=False)
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")


def _wishes_while_training(config):
    wishes = []
    record = train(config, on_event=lambda event: wishes.append(wakepy.modecount() if _is_epoch(event) else None))
    assert record.status is RunState.COMPLETED
    return {count for count in wishes if count is not None}


def _is_epoch(event):
    return isinstance(event, EpochMetrics)


@pytest.mark.parametrize(("wanted", "wishes"), [(True, 1), (False, 0)])
def test_a_training_keeps_the_computer_awake_where_that_is_wanted(agreeable, make_config, wanted, wishes):
    assert _wishes_while_training(make_config(runtime={"keep_awake": wanted})) == {wishes}
    assert wakepy.modecount() == 0


def test_the_wish_ends_with_a_job_that_fails(agreeable):
    asked = []

    @kept_awake()
    def fails():
        asked.append(wakepy.modecount())
        raise ValueError("this one")

    with pytest.raises(ValueError, match="this one"):
        fails()
    assert asked == [1]
    assert wakepy.modecount() == 0


def test_nobody_to_ask_is_no_reason_to_fail(make_config):
    with kept_awake() as agreed:
        assert not agreed
    assert _wishes_while_training(make_config()) == {1}


def test_a_desktop_that_is_gone_by_the_morning_takes_no_result_away(agreeable, make_config, monkeypatch):
    leave = wakepy.Mode.__exit__

    def gone(mode, *error):
        leave(mode, *error)
        raise RuntimeError("the session bus is closed")

    with monkeypatch.context() as patch:
        patch.setattr(wakepy.Mode, "__exit__", gone)
        with kept_awake() as agreed:
            assert agreed
        assert train(make_config()).status is RunState.COMPLETED


def test_so_do_pretraining_and_what_is_done_with_files(agreeable, make_config, table, tmp_path):
    wishes = []
    settings = {
        "out": str(tmp_path / "encoder"),
        "data": {"path": str(table), "validation_molecules": 8, "block_molecules": 64},
        "model": {"layers": 1, "hidden_size": 16, "heads": 2},
        "training": {"steps": 2, "batch_size": 8},
        "runtime": {"device": "cpu", "threads": 1},
    }
    pretrain(PretrainConfig.from_dict(settings), on_event=lambda event: wishes.append(wakepy.modecount()))
    model = load_model(train(make_config()).model_path)

    def tell(*progress):
        wishes.append(wakepy.modecount())

    for work in (
        lambda: predict_file(model, table, tmp_path / "said.csv", tell),
        lambda: predict_table(model, read_input(table, model)[0], "smiles", tell),
        lambda: encode_file(model, table, tmp_path / "vectors.npy", tell),
    ):
        told = len(wishes)
        work()
        assert len(wishes) > told
    assert set(wishes) == {1}
    assert wakepy.modecount() == 0
