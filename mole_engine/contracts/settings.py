"""What every description of a job is made of: fields with help and range, sections, ways to read and change them."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home, put_in_place

NO_SETTING = " is not a setting"
"""What is said of a name that is unknown."""

_OF_NEWER_VERSIONS = frozenset({"extra_forbidden", "literal_error", "enum"})
"""What pydantic finds where a newer version knows a further name or word."""


def setting(default: Any, help: str, *, unit: str = "", advanced: bool = False, **bounds: Any) -> Any:
    """Describe one setting: default, help, unit and bounds (ge, le, gt, lt) in one place."""
    extra: Any = {"unit": unit, "advanced": advanced}
    if isinstance(default, (list, dict)):
        return Field(default_factory=type(default), description=help, json_schema_extra=extra, **bounds)
    return Field(default, description=help, json_schema_extra=extra, **bounds)


class Section(BaseModel):
    """Base of all parts of the configuration: unknown names are errors, assignments are checked."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, protected_namespaces=())


class Job(Section):
    """Base of whole jobs: reading, writing, checking and changing their configuration."""

    @classmethod
    def from_dict(cls, fields: dict[str, Any], file: str = "", written: dict[str, Any] | None = None) -> Self:
        """Check a nested dictionary and build the configuration.

        Parameters
        ----------
        fields
            The settings.
        file, written
            Where some of them come from, and which: named where these are the wrong ones.

        Raises
        ------
        InputError
            Naming each wrong field and why.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            is_of_file = bool(file) and all(_stands_in(written or {}, item) for item in error.errors())
            raise InputError(
                f"{file if is_of_file else 'The configuration'} is not valid:",
                "; ".join(describe_error(item) for item in error.errors()) + ".",
                _meant(cls, error) or "Correct the named settings.",
            ) from error

    @classmethod
    def recorded(cls, fields: dict[str, Any], file: str, version: str = "") -> Self:
        """Build the configuration that some version of the program, perhaps a newer one, has written into a file.

        Parameters
        ----------
        fields
            What stands there.
        file
            Its name, for the user.
        version
            Which wrote it; "": not known.

        Raises
        ------
        InputError
            Naming the file, each setting that this version does not know, or else what is not valid, and what to do.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise _recorded_problem(error, file, version) from error

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read a configuration from a YAML file. Raises InputError."""
        written = read_yaml(path)
        return cls.from_dict(written, str(path), written)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able nested dictionary with every field."""
        return self.model_dump(mode="json")

    def to_yaml(self, path: str | Path) -> None:
        """Write every field to a YAML file; one that is there stays whole until the new one is."""
        import yaml

        text = yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)
        # What the engine's stores do better, but contracts stand below them.
        path = Path(path)
        beside = path.with_name(f".{path.name}.part")
        try:
            beside.write_text(text, encoding="utf-8")
            put_in_place(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def updated(self, changes: dict[str, Any]) -> Self:
        """Return a copy with nested `changes` merged in. Raises InputError."""
        return type(self).from_dict(merged(self.to_dict(), changes))

    def with_overrides(self, assignments: list[str]) -> Self:
        """Return a copy with "section.field=value" assignments (values in YAML) applied. Raises InputError."""
        changes: dict[str, Any] = {}
        for assignment in assignments:
            changes = merged(changes, parse_assignment(assignment))
        return self.updated(changes)


def _recorded_problem(error: ValidationError, file: str, version: str) -> InputError:
    """Say what is wrong with settings in a file: a newer version only explains names and words that are not known."""
    items = error.errors()
    unknown = "; ".join(
        describe_error(item).removesuffix(NO_SETTING) for item in items if item["type"] in _OF_NEWER_VERSIONS
    )
    wrong = "; ".join(describe_error(item) for item in items if item["type"] not in _OF_NEWER_VERSIONS)
    written = f" It was made by version {version}." if version else ""
    if not unknown:
        return InputError(
            f"{file} has settings that are not valid:",
            f"{wrong}.{written}",
            "Correct the file if you have changed it, or use another copy of it.",
        )
    return InputError(
        f"{file} has settings that this version of MolE Studio does not know:",
        f"{unknown}.{f' Not valid: {wrong}.' if wrong else ''}{written}",
        "Use that version of MolE Studio, or a newer one."
        if version
        else "Use a newer version of MolE Studio, or correct the file if you have changed it.",
    )


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it, nested dictionaries merged."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping safely. Raises InputError when it cannot be read or is not a mapping."""
    import yaml

    try:
        content = _loaded(from_home(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read {path}:", f"{error.strerror or error}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text:", f"{error.reason}.", "Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        raise InputError(
            f"{path} is not valid YAML:", f"{' '.join(str(error).split())}.", "Correct the file."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a configuration:", "it holds no 'name: value' lines.", "See `mole presets`.")
    return content


def _loaded(text: str) -> Any:
    """Load YAML in which no name of a mapping may stand twice: the first would be lost without a word."""
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        # Before anything is built: that puts what "<<" merges into the mappings, whose own names may well repeat it.
        _refuse_twice(node)
        return loader.construct_document(node)
    except (ValueError, LookupError, AttributeError) as error:
        # Values such as 2001-13-45, which PyYAML leaves to Python.
        raise yaml.YAMLError(f"a value cannot be read ({error})") from error
    finally:
        loader.dispose()


def _refuse_twice(root: Any) -> None:
    import yaml

    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            names = set()
            for key, value in node.value:
                waiting += (key, value)
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                if (key.tag, key.value) in names:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value}' stands there twice", key.start_mark
                    )
                names.add((key.tag, key.value))


def setting_names(section: type[BaseModel], before: str = "") -> list[str]:
    """Return the names of all settings, as section.field."""
    names = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += setting_names(inner, f"{before}{name}.")
        else:
            names.append(f"{before}{name}")
    return names


def _stands_in(written: Any, item: Any) -> bool:
    """Whether what pydantic found wrong stands in some settings, and was not given in place of theirs."""
    for part in item["loc"]:
        if not isinstance(written, dict) or part not in written:
            # An entry of a list, which is the file's as a whole.
            return isinstance(written, list)
        written = written[part]
    # A check across settings has the whole section for its input, and across sections no place.
    return bool(item["loc"]) and (isinstance(item["input"], (dict, BaseModel)) or bool(written == item["input"]))


def _meant(job: type[BaseModel], error: ValidationError) -> str:
    known = setting_names(job)
    known += dict.fromkeys(name.partition(".")[0] for name in known if "." in name)
    found: list[str] = []
    for item in error.errors():
        if item["type"] != "extra_forbidden":
            continue
        wanted = ".".join(str(part) for part in item["loc"])
        last = wanted.rpartition(".")[2]
        near = difflib.get_close_matches(wanted, known, n=2, cutoff=0.8)
        found += near or [name for name in known if name.rpartition(".")[2] == last][:3]
    return f"Did you mean {' or '.join(dict.fromkeys(found))}?" if found else ""


def parse_assignment(assignment: str) -> dict[str, Any]:
    """Turn "section.field=value" (value in YAML) into a nested dictionary. Raises InputError."""
    import yaml

    name, separator, text = assignment.partition("=")
    if not separator or not name.strip():
        raise InputError(f"'{assignment}' is not a setting.", "", "Write it as section.field=value.")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"'{assignment}' has a value that cannot be read.", "", "Quote it.") from error
    for key in reversed(name.strip().split(".")):
        value = {key: value}
    return dict(value)


def describe_error(item: Any) -> str:
    """Say in words what pydantic found wrong with one field."""
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{where}{NO_SETTING}"
    words = str(item["msg"]).removeprefix("Value error, ")
    # A check across sections has no place.
    text = f"{where}: {words}" if where else words
    # A check across settings is given the whole section, which says nothing.
    return text if isinstance(item.get("input"), dict) else f"{text}, got {item.get('input')!r}"[:300]
