"""What the window shows of molecules that its file and a validation file both have."""

from __future__ import annotations

from app.services.dataset_builder import assemble, read
from mole_engine.contracts.config import DataConfig, SplitConfig


def test_validation_molecules_of_both_files_are_counted_once_and_as_set_apart(tmp_path):
    rows = [f"{'C' * n}O,{n}.5,{'val' if n > 12 else 'train'}" for n in range(1, 17)]
    (tmp_path / "main.csv").write_text("\n".join(["smiles,y,split", *rows]) + "\n")
    (tmp_path / "more.csv").write_text(f"smiles,y\nCCS,3\n{'C' * 13}O,13.5\n")
    data = DataConfig(path=str(tmp_path / "main.csv"), validation_path=str(tmp_path / "more.csv"))
    fresh = read(None, data, SplitConfig(), lambda *_: None)
    dataset = assemble(fresh, data, SplitConfig(), 0, lambda *_: None)
    assert len(dataset.split.validation) == 5
    # One of the four of the file itself is the validation file's too, from which no fold learns.
    assert dataset.apart == 2
    assert list(dataset.parts) == ["train"] * 12 + ["val"] * 4
    assert dataset.left_out == []
