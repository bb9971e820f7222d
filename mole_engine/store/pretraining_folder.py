"""The folder of a pretraining job."""

from __future__ import annotations

import json
import time
from pathlib import Path

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.contracts.settings import read_yaml
from mole_engine.data.pretraining_survey import Survey
from mole_engine.store.files import storage_problem
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.runs import default_workspace, new_run_id
from mole_engine.store.shipped import shipped_vocabularies


class PretrainingFolder:
    """Paths of one pretraining job: those of a run, and what was found in a first look at the molecules.

    Attributes
    ----------
    path
        The folder; its files are attributes (`config`, `survey`, `model` ...).
    """

    def __init__(self, path: str | Path) -> None:
        run = RunFolder(from_home(path).absolute())
        self._run = run
        self.path = run.path
        self.config = run.config
        self.events = run.events
        self.metrics = run.metrics
        self.checkpoints = run.checkpoints
        self.last_checkpoint = run.last_checkpoint
        self.best_checkpoint = run.best_checkpoint
        self.model = run.model
        self.log = run.log
        self.lock = run.lock
        self.survey = run.path / "survey.json"

    @classmethod
    def create(cls, config: PretrainConfig) -> PretrainingFolder:
        """Make the folder of a new job and write its configuration, with absolute paths.

        Raises
        ------
        InputError, KnownError
            When the folder is not empty or cannot be written.
        """
        name = config.name or f"Pretraining {Path(config.data.path).stem}"
        usual = default_workspace() / "pretraining" / new_run_id(name, time.time())
        folder = cls(config.out or usual)
        if folder._holds_a_failed_start():
            folder._run.clear()
            folder.survey.unlink(missing_ok=True)
        elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
            raise InputError(
                f"{folder.path} is not empty:",
                "nothing in it would be overwritten.",
                "Choose another folder, or go on with the job in it through --resume.",
            )
        folder._run.make()
        data = {key: _absolute(getattr(config.data, key)) for key in ("path", "labels_path")}
        # Another name is none, or that of a shipped model.
        init = _absolute(config.init) if from_home(config.init).exists() else config.init
        words = config.model.vocabulary
        model = {"vocabulary": words if words in shipped_vocabularies() else _absolute(words)}
        changes = {"data": data, "model": model, "init": init, "out": str(folder.path)}
        try:
            config.updated(changes).to_yaml(folder.config)
        except OSError as error:
            raise storage_problem(error, folder.config) from error
        return folder

    def _holds_a_failed_start(self) -> bool:
        """Whether a job began here and ended before there was anything to go on from."""
        began = self.config.is_file() and self.events.is_file() and self.lock.is_file()
        return began and not (self.last_checkpoint.exists() or self.model.exists() or self._run.is_locked())

    def read_config(self) -> PretrainConfig:
        """Return the configuration of the job. Raises InputError when this is not the folder of one."""
        if not self.config.is_file():
            raise InputError(f"{self.path} is not the folder of a pretraining job.", "", "Check the path.")
        # The encoder alone does not tell: it is written after every best round.
        if self._run.record.is_file() and self._run.read_record().status is RunState.COMPLETED:
            raise InputError(f"The job in {self.path} is completed.", "", "Start a new one from its model with --init.")
        return PretrainConfig.recorded(read_yaml(self.config), str(self.config))

    def read_survey(self) -> Survey | None:
        """Return what was found in the first look at the molecules; None where the job had not come so far."""
        if not self.survey.is_file():
            return None
        try:
            return Survey.from_dict(json.loads(self.survey.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.survey} is damaged:", f"{error}.", "Start a new job instead.") from error

    def write_record(self, record: RunRecord) -> None:
        """Write the record of the job. Raises InputError, KnownError."""
        self._run.write_record(record)


def _absolute(path: str) -> str:
    return str(from_home(path).absolute()) if path else ""
