"""What a training can start from is offered by name, with a word on what it is for."""

from __future__ import annotations

from app.services.start_weights import shipped_weights
from mole_engine.store.shipped import shipped_models


def test_every_shipped_encoder_is_offered_with_a_word_on_what_it_is_for() -> None:
    offered = {item.key: item for item in shipped_weights()}
    assert set(offered) == set(shipped_models())
    assert all(item.title.startswith("MolE ") and item.tip for item in offered.values())
