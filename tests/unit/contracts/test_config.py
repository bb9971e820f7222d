"""The one description of a job: defaults, ranges, words for what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from mole_engine.cli.entry import COMMANDS
from mole_engine.cli.parser import build_parser, parse
from mole_engine.cli.train import configuration
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.presets import DEFAULT_PRESET, list_presets, load_preset
from mole_engine.contracts.settings import merged, read_yaml
from mole_engine.store.run_folder import RunFolder


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _fields(annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def test_yaml_round_trip_keeps_every_field(tmp_path):
    config = TrainConfig().with_overrides(
        ["training.epochs=3", "data.targets=[a, b]", "data.units={a: log(mol/L)}", "seed=7"]
    )
    config.to_yaml(tmp_path / "run.yaml")
    assert TrainConfig.from_yaml(tmp_path / "run.yaml") == config


def test_overrides_reach_their_field():
    config = TrainConfig().with_overrides(["training.learning_rate=1e-3", "data.curation.neutralise=false", "out=a=b"])
    assert config.training.learning_rate == 1e-3
    assert config.data.curation.neutralise is False
    assert config.out == "a=b"


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("training.epochs=0", "training.epochs"),
        ("training.epoch=3", "training.epoch is not a setting"),
        ("model.heads=5", "must be a multiple of heads"),
        ("training.schedule=zigzag", "training.schedule"),
        ("epochs", "not a setting"),
        ("data.targets=[a", "cannot be read"),
    ],
)
def test_wrong_settings_are_named(assignment, words):
    with pytest.raises(InputError) as caught:
        TrainConfig().with_overrides([assignment])
    assert words in str(caught.value)
    assert "{" not in str(caught.value)


def test_several_wrong_settings_are_all_named():
    with pytest.raises(InputError) as caught:
        TrainConfig.from_dict({"training": {"epochs": 0, "batch_size": -1}})
    assert "training.epochs" in str(caught.value)
    assert "training.batch_size" in str(caught.value)


@pytest.mark.parametrize("runtime", [{"devices": 2}, {"num_nodes": 2}])
def test_a_search_on_several_devices_is_refused_with_a_way_out(runtime):
    """Only the first process searches; the others would wait for ever."""
    with pytest.raises(InputError, match=r"is not valid: the trainings .* search on one device, then train with the"):
        TrainConfig.from_dict({"search": {"trials": 2}, "runtime": runtime})
    assert TrainConfig.from_dict({"runtime": runtime}).search.trials == 0


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "a: [1\n", "just words"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"run\.yaml"):
        read_yaml(path)


def test_a_missing_configuration_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="Cannot read"):
        TrainConfig.from_yaml(tmp_path / "none.yaml")


def test_a_name_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("training: {epochs: 2}\ndata: {path: a.csv}\ntraining: {batch_size: 3}\n")
    with pytest.raises(InputError, match="'training' stands there twice"):
        TrainConfig.from_yaml(path)


@pytest.mark.parametrize(
    "text",
    [
        "x: &a {p: 1}\ny:\n  <<: *a\n  q: 2\n",
        "x: &a {p: 1}\ny: {b: &b {<<: *a, p: 2}}\nz:\n  <<: *b\n  p: 3\n",
        "x: &a {p: 1}\nz: &b {q: 2}\ny:\n  <<: *a\n  <<: *b\n",
    ],
)
def test_what_merge_keys_repeat_is_no_name_twice(tmp_path, text):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    assert read_yaml(path) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["x: &a {p: 1}\ny: {<<: *a, q: 1, q: 2}\n", "x: [{1: 2, 1: 3}]\n"])
def test_a_name_twice_is_found_anywhere(tmp_path, text):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="stands there twice"):
        read_yaml(path)


@pytest.mark.parametrize("text", ["!!map abc", "a: !!map abc", "a: 2001-13-45", "a: !!int xyz", "a: !!bool maybe"])
def test_values_that_yaml_cannot_build_are_told_with_the_file(tmp_path, text):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"job\.yaml is not valid YAML"):
        read_yaml(path)


def test_yaml_builds_no_objects(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(InputError):
        read_yaml(path)


def test_every_field_has_help_and_a_default():
    for name, field in _fields(TrainConfig):
        assert field.description, name
        assert field.description.endswith("."), name
        assert not field.is_required(), name


def test_presets_load_and_are_described():
    presets = list_presets()
    names = [preset.name for preset in presets]
    assert {"quick-look", "small", "base"} <= set(names)
    assert DEFAULT_PRESET in names
    assert [preset.order for preset in presets] == sorted({preset.order for preset in presets})
    for preset in presets:
        assert preset.title
        assert preset.summary.endswith(".")
        assert preset.config().preset == preset.name


def test_base_preset_has_the_size_of_the_paper():
    model = load_preset("base").config().model
    assert (model.layers, model.hidden_size, model.heads, model.feed_forward_size) == (12, 768, 12, 3072)


def test_changes_win_over_the_preset():
    assert load_preset("small").config({"training": {"epochs": 2}}).training.epochs == 2


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(InputError, match="quick-look"):
        load_preset("huge")


def test_merging_leaves_its_arguments_alone():
    base = {"a": {"b": 1}, "c": 2}
    assert merged(base, {"a": {"d": 3}}) == {"a": {"b": 1, "d": 3}, "c": 2}
    assert base == {"a": {"b": 1}, "c": 2}


def test_a_preset_that_a_file_names_is_applied(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("preset: quick-look\ntraining: {epochs: 7}\n", encoding="utf-8")
    config = TrainConfig.from_yaml(path)
    assert config == load_preset("quick-look").config({"training": {"epochs": 7}})
    assert config.training.freeze == "encoder"
    assert configuration(parse(build_parser(COMMANDS), ["train", "a.csv", "--config", str(path)])) == config.updated(
        {"data": {"path": "a.csv"}}
    )
    path.write_text("preset: huge\n", encoding="utf-8")
    with pytest.raises(InputError, match="There is no preset 'huge'"):
        TrainConfig.from_yaml(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trainig: {epochs: 7}", "trainig is not a setting. Did you mean training?"),
        ("training: {epoch: 7}", "training.epoch is not a setting. Did you mean training.epochs"),
        ("training: {epochs: -7}", "training.epochs: "),
        ("pinned: [CCO, [1]]", "pinned.1: "),
        ("model: {heads: 5}", "model: "),
    ],
)
def test_a_mistake_in_a_file_of_settings_names_the_file(tmp_path, text, words):
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    arguments = parse(build_parser(COMMANDS), ["train", "a.csv", "--config", str(path)])
    for read in (lambda: TrainConfig.from_yaml(path), lambda: configuration(arguments)):
        with pytest.raises(InputError) as caught:
            read()
        told = caught.value.problem.one_line()
        assert told.startswith(f"{path} is not valid: {words}")


def test_a_mistake_beside_a_file_of_settings_is_not_the_files(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("training: {epochs: 7}", encoding="utf-8")
    arguments = ["train", "a.csv", "--config", str(path), "--epochs", "-1"]
    with pytest.raises(InputError, match=r"The configuration is not valid: training\.epochs"):
        configuration(parse(build_parser(COMMANDS), arguments))


@pytest.mark.parametrize("preset", ["own-mine", "quick-look"])
def test_settings_of_a_run_repeat_it_whatever_their_preset_says_today(tmp_path, preset):
    path = tmp_path / "config.yaml"
    config = TrainConfig.from_dict({"preset": preset, "data": {"path": "a.csv"}})
    config.to_yaml(path)
    assert TrainConfig.from_yaml(path) == config
    assert configuration(parse(build_parser(COMMANDS), ["train", "--config", str(path)])) == config


def test_a_run_of_another_version_takes_nothing_from_the_preset_of_today(tmp_path):
    folder = RunFolder(tmp_path)
    folder.config.write_text("preset: quick-look\ntraining: {epochs: 7}\n", encoding="utf-8")
    assert folder.read_config() == TrainConfig.from_dict({"preset": "quick-look", "training": {"epochs": 7}})
