"""The card of a model as a page of Markdown that a person reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.wording import counted, four_digits
from mole_engine.store.card import Difficulty, ModelCard, TaskUncertainty

_KINDS = {
    TaskKind.REGRESSION: "number",
    TaskKind.CLASSIFICATION: "two classes",
    TaskKind.MULTICLASS: "several classes",
}


def card_markdown(card: ModelCard) -> str:
    """Return the model card as Markdown."""
    parts = [
        f"# {card.name}",
        _origin(card),
        *_section("What it predicts", _tasks(card.tasks, learnt_scales(card))),
        *_section("How good it is", _metrics(card)),
        *_section("What it was trained on", _data(card)),
        *_section("How sure it is", _uncertainty(card)),
        *_section("Where it may be trusted", _domain(card)),
        *_section("How it was made", _making(card)),
        *_section("How to use it", _usage(card)),
        *_section("Notes", "\n".join(f"- {note}" for note in card.notes)),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", text] if text else []


def _origin(card: ModelCard) -> str:
    day = datetime.fromtimestamp(card.created, UTC).strftime("%d %B %Y")
    version = card.versions.get("mole-studio", "")
    return f"A MolE transformer trained with MolE Studio {version} on {day}; {card.parameters:,} parameters."


def learnt_scales(card: ModelCard) -> dict[str, str]:
    """Return the scales of targets that were learnt on another one than their own: "log10" by target."""
    scales = card.scaler.get("scales") or ()
    found = {task.name: (scale or {}).get("transform", "none") for task, scale in zip(card.tasks, scales, strict=False)}
    return {name: scale for name, scale in found.items() if scale != "none"}


def _tasks(tasks: Sequence[TaskSpec], scales: Mapping[str, str]) -> str:
    if not tasks:
        return "Nothing by itself: this is an encoder without a prediction head."
    rows = [
        (task.name, _KINDS[task.kind], task.unit or "-", ", ".join(task.classes) if task.classes else "-")
        for task in tasks
    ]
    text = _table(("target", "kind", "unit", "classes"), rows)
    if any(task.kind is TaskKind.CLASSIFICATION for task in tasks):
        text += "\n\nWith two classes the predicted value is the probability of the second one."
    lines = [f"{name} as {scale}" for name, scale in scales.items()]
    if lines:
        text += f"\n\nLearnt on another scale, and given back on its own: {', '.join(lines)}."
    return text


def _metrics(card: ModelCard) -> str:
    names = sorted({*card.metrics, *card.validation_metrics})
    if len(card.tasks) == 1:
        # A single task's own figures are the means.
        names = [name for name in names if "/" not in name] or names
    if not names and (card.split.get("counts") or {}).get("val"):
        return "Not measured: there were no test molecules, and no validation molecule was left out."
    if not names:
        return "Not measured: there were neither test nor validation molecules."
    rows = [
        (name, four_digits(card.metrics.get(name)), four_digits(card.validation_metrics.get(name))) for name in names
    ]
    text = _table(("metric", "test", "validation"), rows)
    if not card.tasks:
        return text + "\n\nOn molecules that were held out. `benchmarks/probe.py` judges what the vectors are good for."
    return text + f"\n\n{role_of_validation(card)} The test molecules were never used."


def role_of_validation(card: ModelCard) -> str:
    """Return what the validation molecules were good for, in a sentence or two."""
    trials = int(card.split.get("trials") or 0)
    searched = f"Out of {counted(trials, 'training')}, they chose the settings." if trials else ""
    return f"{_own_role(card)} {searched}".strip()


def _own_role(card: ModelCard) -> str:
    ensemble = card.config.get("ensemble") or {}
    if ensemble.get("kind") == "folds":
        if not card.validation_metrics:
            return "There are no validation figures."
        # Where folds ended early, not all of them; the notes say how many.
        return "The validation figures are of molecules that were predicted by models that had left them out."
    if ensemble.get("trees"):
        return "The validation molecules chose the shares of the models."
    if (card.config.get("training") or {}).get("keep") == "last":
        chosen = "no epoch" if card.split.get("trials") else "nothing"
        return f"The validation molecules chose {chosen}: the last epoch was kept."
    return "The validation molecules chose the epoch that was kept."


def _data(card: ModelCard) -> str:
    counts = card.split.get("counts") or {}
    lines = []
    if card.data.get("name"):
        digest = str(card.data.get("sha256", ""))
        lines.append(f"- File: {card.data['name']}" + (f" (SHA-256 {digest})" if digest else ""))
    if counts:
        words = (("train", "train"), ("val", "validation"), ("test", "test"))
        lines.append("- Molecules: " + ", ".join(f"{counts.get(key, 0):,} {word}" for key, word in words))
    if card.split.get("method"):
        lines.append(f"- Split: {card.split['method']}")
    lines.extend(f"- Overlap: {text}" for text in card.split.get("overlap") or ())
    if card.tasks:
        curation = (card.config.get("data") or {}).get("curation") or {}
        on = [name.replace("_", " ") for name, value in curation.items() if value is True]
        lines.append(f"- Clean-up: {', '.join(on) if on else 'none'}; new molecules are cleaned the same way")
    return "\n".join(lines)


def _uncertainty(card: ModelCard) -> str:
    known = {name: value for name, value in card.uncertainty.items() if value.count}
    if not known:
        return ""
    classes = {task.name for task in card.tasks if task.kind is not TaskKind.REGRESSION}
    scales = learnt_scales(card)
    lines = [
        f"- {name}: from {counted(value.count, 'validation molecule')}"
        + (_of_sets(value) if name in classes else _of_interval(value, scales.get(name, "")))
        for name, value in known.items()
    ]
    what = {
        "Intervals hold the measured value": len(known.keys() - classes) > 0,
        "Sets hold the measured class": len(known.keys() & classes) > 0,
    }
    intro = " 9 times in 10 for molecules like the validation molecules. ".join(
        [*(words for words, is_there in what.items() if is_there), ""]
    )
    return f"{intro.strip()}{_chosen_by_them(card)}\n\n" + "\n".join(lines)


def _chosen_by_them(card: ModelCard) -> str:
    """Say where the validation molecules have chosen the very errors that intervals and sets are measured by."""
    chosen = [
        *(["the settings"] if int(card.split.get("trials") or 0) else []),
        *(["the epoch"] if (card.config.get("training") or {}).get("keep") == "best" else []),
    ]
    if not chosen:
        return ""
    return (
        f" They also chose {' and '.join(chosen)}, by how well they were predicted, so slightly fewer than 9 in 10 may "
        "hold; the fewer the validation molecules, the more so."
    )


def _of_sets(value: TaskUncertainty) -> str:
    return "" if value.least else " (too few for sets of classes)"


def _of_interval(value: TaskUncertainty, scale: str) -> str:
    few = "" if math.isfinite(value.half_width) else " (too few for an interval)"
    return few + _hard(value.difficulty, scale)


def _hard(difficulty: Difficulty | None, scale: str) -> str:
    if difficulty is None:
        return "; equally wide for all molecules" + (f" on the scale that was learnt, {scale}" if scale else "")
    signs = {
        "far from the training molecules": difficulty.distance,
        "where the models disagree": difficulty.disagreement,
    }
    return f"; wider {' and '.join(words for words, slope in signs.items() if slope > 0)}"


def _domain(card: ModelCard) -> str:
    if card.domain is None:
        return ""
    return (
        "A molecule counts as inside the model's domain when its nearest training molecule is at least "
        f"{card.domain.threshold:.2f} similar (ECFP4, Tanimoto)"
        f"{_elements(card)}. Outside, treat the prediction as a guess."
    )


def _elements(card: ModelCard) -> str:
    known = card.domain.elements if card.domain else None
    # Carbon first, the others by name, as in a formula.
    ordered = sorted(known or (), key=lambda symbol: (symbol != "C", symbol))
    return f" and it has no other elements than {', '.join(ordered)} (and hydrogen)" if ordered else ""


def _making(card: ModelCard) -> str:
    model, training = card.config.get("model") or {}, card.config.get("training") or {}
    word = "epoch" if card.tasks else "round"
    networks = int(card.blend.get("networks") or 1)
    lines = [
        f"- Network: {model.get('layers')} layers x {model.get('hidden_size')}, {model.get('heads')} heads",
        f"- Training: {training.get('epochs')} {word}s at most, batch {training.get('batch_size')}, "
        f"learning rate {training.get('learning_rate')}, seed {card.config.get('seed')}",
        f"- Networks: {networks}, each with the epoch that it has kept"
        if networks > 1
        else f"- Kept {word}: {card.best_epoch}",
        "- Versions: " + ", ".join(f"{name} {version}" for name, version in card.versions.items()),
    ]
    return "\n".join(lines)


def _usage(card: ModelCard) -> str:
    if not card.tasks:
        return (
            "Start a training from it, or turn molecules into vectors:\n\n"
            "```\nmole train molecules.csv --init THIS_FILE\nmole encode THIS_FILE molecules.csv --out vectors.npy\n```"
        )
    return (
        "Open it in MolE Studio, or:\n\n"
        "```\nmole predict THIS_FILE molecules.csv --out predictions.csv\n"
        'mole predict THIS_FILE --smiles "CCO"\n```\n\n'
        '```python\nfrom mole_engine import load_model\nload_model("THIS_FILE").predict(["CCO"])\n```'
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines.extend("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(lines)
