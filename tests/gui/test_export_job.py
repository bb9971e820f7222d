"""A job that was set up in the window leaves as scripts for another machine, with exactly its settings."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton

from mole_engine.contracts.config import TrainConfig

TABLE = "smiles,logS\n" + "".join(f"{'C' * size}O,{-0.5 * size}\n" for size in range(1, 31))


def test_the_job_as_set_up_is_written_as_scripts(qtbot, window, open_file, tmp_path):
    button = window.page("train").findChild(QPushButton, "exportJobButton")
    assert not button.isEnabled()
    path = tmp_path / "chains.csv"
    path.write_text(TABLE, encoding="utf-8")
    open_file(path)
    window.go_to("train")
    page = window.page("train")
    # The preset that is chosen at first trains several networks, each on one device.
    page.setup.presets.select("small")
    for name, value in {"training.epochs": 7, "runtime.devices": 4, "runtime.num_nodes": 2}.items():
        page.setup.form.set_value(name, value)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    dialog = page.findChild(QFileDialog, "folderDialog")
    folder = tmp_path / "job for the cluster"
    dialog.fileSelected.emit(str(folder))
    dialog.close()

    qtbot.waitUntil(lambda: any("job for the cluster" in label.text() for label in page.header.findChildren(QLabel)))
    written = TrainConfig.from_yaml(folder / "config.yaml")
    assert (written.training.epochs, written.runtime.devices, written.runtime.num_nodes) == (7, 4, 2)
    assert written.data.path == str(path)
    assert "torch.distributed.run" in (folder / "run.sh").read_text()
    assert "#SBATCH --nodes=2" in (folder / "job.slurm").read_text()
