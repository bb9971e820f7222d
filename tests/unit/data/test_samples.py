from __future__ import annotations

from importlib.resources import files

import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind
from mole_engine.data.assemble import load_training_data

SAMPLES = files("resources") / "samples"


@pytest.mark.parametrize(
    ("name", "kind", "molecules"),
    [
        ("logp.csv", TaskKind.REGRESSION, 600),
        ("oral_rules.csv", TaskKind.CLASSIFICATION, 500),
        ("messy.csv", TaskKind.REGRESSION, 118),
    ],
)
def test_each_sample_is_ready_to_train_without_a_setting(name, kind, molecules):
    dataset, split = load_training_data(TrainConfig.from_dict({"data": {"path": str(SAMPLES / name)}}))
    assert len(dataset) == molecules
    assert [task.kind for task in dataset.tasks] == [kind]
    assert min(len(split.train), len(split.validation), len(split.test)) >= 10
    assert split.method == "scaffold"
    assert split.overlap == ()
    if kind is TaskKind.CLASSIFICATION:
        for part in (split.train, split.validation, split.test):
            assert 0.3 < dataset.targets[list(part), 0].mean() < 0.7


def test_the_values_are_what_their_labels_say():
    from rdkit import Chem
    from rdkit.Chem import Crippen

    dataset, _ = load_training_data(TrainConfig.from_dict({"data": {"path": str(SAMPLES / "logp.csv")}}))
    for smiles, value in list(zip(dataset.smiles, dataset.targets[:, 0], strict=True))[::50]:
        assert value == pytest.approx(Crippen.MolLogP(Chem.MolFromSmiles(smiles)), abs=0.006)
