"""Numbers and times as a reader wants them: thousands separators, true minus signs, honest precision."""

from __future__ import annotations

import math
import re
import struct
import sys

from mole_engine.contracts.wording import counted

__all__ = [
    "DASH",
    "MINUS",
    "OWN",
    "count",
    "counted",
    "duration",
    "fixed",
    "keys",
    "number",
    "own_title",
    "plain_minus",
    "probability",
    "progress_words",
    "says_unit",
    "size",
    "stage_words",
    "without_noise",
    "without_unit",
]

MINUS = "\u2212"
DASH = "\u2013"

OWN = "\x1f"
"""Begins the keys of the columns that we add to a table, which no column of a file begins with."""


def keys(words: str) -> str:
    """Return words about keys for this computer's keyboard: what Qt calls Ctrl everywhere is Cmd on a Mac."""
    return words.replace("Ctrl", "Cmd") if sys.platform == "darwin" else words


def own_title(key: str) -> str:
    """Return the name of a column as people read it."""
    return key.removeprefix(OWN)


def count(value: int) -> str:
    """Return 12,345 for 12345."""
    return f"{value:,}".replace("-", MINUS)


def number(value: float, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits and a true minus sign; a dash where it is not a number."""
    if not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    text = f"{value:.{digits - 1}e}" if size < -3 or size > 6 else f"{value:,.{max(0, digits - 1 - size)}f}"
    return text.replace("-", MINUS)


def fixed(value: float, decimals: int = 2) -> str:
    """Return `value` with a fixed number of decimals and a true minus sign; a dash where it is not a number."""
    return f"{value:,.{decimals}f}".replace("-", MINUS) if math.isfinite(value) else DASH


def probability(value: float) -> str:
    """Return a model's probability with two decimals; it is never quite 0 or 1, as the rounded figure would say."""
    if not math.isfinite(value):
        return DASH
    return "<0.01" if value < 0.005 else ">0.99" if value > 0.995 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Return "8 s", "1 min 31 s" or "2 h 5 min"; "" where it is not known."""
    if not math.isfinite(seconds) or seconds < 0:
        return ""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size(amount: float) -> str:
    """Return a number of bytes as "812 kB" or "3.1 GB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if amount >= scale:
            value = amount / scale
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{amount:.0f} B"


def plain_minus(text: str) -> str:
    """Return `text` with a leading hyphen of a number turned into a true minus sign."""
    return MINUS + text[1:] if text[:1] == "-" and text[1:2] in ".0123456789" else text


def without_noise(text: str) -> str:
    """Return a number without digits that only binary arithmetic has left: -2.831 for "-2.8310000000000004".

    Also of a number that was stored with seven digits and written with more: 0.9 for "0.8999999761581421".
    """
    if len(text.rstrip("0")) < _NOISY or not _DECIMALS.fullmatch(text):
        return text
    value = float(text.replace(",", "."))
    digits = next((n for n in range(6, 10) if _single(float(f"{value:.{n}g}")) == value), 15)
    short = f"{value:.{digits}f}".rstrip("0") if abs(value) < 1e-4 else f"{value:.{digits}g}"
    if len(text) - len(short) < _NOISE or len(short) > _MOST or "e" in short:
        return text
    return short.replace(".", ",") if "," in text else short


def _single(value: float) -> float:
    """Return a number as a file with single precision keeps it; NaN where that has no room for it."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.nan


def says_unit(name: str, unit: str) -> bool:
    """Whether a column's name brings its unit along, as "IC50 (nM)" does."""
    return bool(unit) and name.endswith((f"({unit})", f"[{unit}]"))


def without_unit(name: str, unit: str) -> str:
    """Return a column's name without the unit at its end, for where the unit stands behind the value."""
    return name[: -len(unit) - 2].rstrip() or name if says_unit(name, unit) else name


_DECIMALS = re.compile(r"-?\d+[.,]\d+")
_NOISY, _NOISE, _MOST = 16, 4, 13
"""Letters of a number that may have noise, how many of them that must be, and how many may be left."""

_BYTE_STAGES = ("open", "download", "read")

_STAGES = {
    "open": "Opening",
    "download": "Downloading",
    "read": "Reading the file",
    "curate": "Cleaning up",
    "split": "Dividing into parts",
    "properties": "Computing properties",
    "fingerprints": "Comparing molecules",
}
"""Words for the engine's stages."""


def stage_words(stage: str) -> str:
    """Return what is being done as a reader says it; a stage without a name of ours says itself."""
    return _STAGES.get(stage, stage)


def progress_words(stage: str, done: int, total: int) -> str:
    """Return "4,210 of 10,000", of what is read from a file "4.2 MB of 10 MB"; "" while nothing is known."""
    written = size if stage in _BYTE_STAGES else count
    if total > 0:
        return f"{written(done)} of {written(total)}"
    return written(done) if done > 0 else ""
