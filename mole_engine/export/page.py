"""The parts that a report is made of: tables, lists, figures; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f27; --muted: #5d6675; --line: #e2e6ec; --ground: #fff;
        --train: #0072b2; --validation: #d55e00; --good: #187b4f; --good-soft: #e6f5ee; --warning: #8f5d00;
        --warning-soft: #fff4dc; --danger: #b93a32; --danger-soft: #fcebea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --muted: #98a2b1; --line: #2b313b; --ground: #14171c;
        --train: #56b4e9; --validation: #e8833a; --good: #4cc38a; --good-soft: #17332a; --warning: #e2b04a;
        --warning-soft: #3a2f17; --danger: #f07a70; --danger-soft: #3b2122; }
        .mol svg { filter: invert(0.88) hue-rotate(180deg); } }
@media print { :root { color-scheme: light; --ink: #1b1f27; --muted: #5d6675; --line: #d0d5dd; --ground: #fff;
        --train: #0072b2; --validation: #d55e00; --good: #187b4f; --good-soft: #e6f5ee; --warning: #8f5d00;
        --warning-soft: #fff4dc; --danger: #b93a32; --danger-soft: #fcebea; }
        body { margin: 0; max-width: none; font-size: 11pt; } figure, tr, .verdict { break-inside: avoid; }
        h2, h3 { break-after: avoid; } pre { white-space: pre-wrap; } .mol svg { filter: none; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
.muted, figcaption { color: var(--muted); }
table { border-collapse: collapse; } td, th { border-bottom: 1px solid var(--line); padding: .25rem 1.2rem .25rem 0;
       text-align: left; vertical-align: middle; } th { font-size: 13px; color: var(--muted); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.good { color: var(--good); } td.warning { color: var(--warning); } td.danger { color: var(--danger); }
pre { border: 1px solid var(--line); border-radius: 6px; padding: .8rem; overflow-x: auto; font-size: 13px; }
figure { display: inline-block; margin: 0 1.5rem 1rem 0; vertical-align: top; max-width: 420px; }
svg text { fill: var(--muted); font-size: 11px; }
figure .mol svg { max-width: 100%; height: auto; } .mol svg text { fill: #5d6675; }
figure code { display: block; margin: .3rem 0; font-size: 12px; overflow-wrap: anywhere; }
.verdict { border-radius: 10px; padding: 1rem 1.2rem; margin: 1.2rem 0; border: 1px solid var(--line); }
.verdict strong { font-size: 1.25rem; display: block; }
.verdict.good { background: var(--good-soft); border-color: var(--good-soft); }
.verdict.good strong { color: var(--good); }
.verdict.warning { background: var(--warning-soft); border-color: var(--warning-soft); }
.verdict.warning strong { color: var(--warning); }
.verdict.danger { background: var(--danger-soft); border-color: var(--danger-soft); }
.verdict.danger strong { color: var(--danger); }
"""


@dataclass(frozen=True, slots=True)
class Raw:
    """A cell that is HTML already: a drawing of ours."""

    html: str


Cell = str | Raw | tuple[str, str]
"""Text, a drawing, or text with its tone ("good", "warning", "danger")."""


def document(title: str, parts: Iterable[str]) -> str:
    """Return a whole page."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def figure(drawing: str, words: str) -> str:
    """Return a drawing with its caption."""
    return f"<figure>{drawing}<figcaption>{escape(words)}</figcaption></figure>"


def facts(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a table of names and values; those without a value are left out."""
    rows = [f'<tr><td class="muted">{escape(name)}</td><td>{escape(value)}</td></tr>' for name, value in pairs if value]
    yield f"<table>{''.join(rows)}</table>"


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Sequence[int] = ()) -> Iterator[str]:
    """Yield a table; the columns `numbers` are right-aligned."""
    kinds = ["number" if place in numbers else "" for place in range(len(head))]
    yield "<table><tr>" + "".join(f"<th{_kind(k)}>{escape(name)}</th>" for name, k in zip(head, kinds, strict=True))
    yield "</tr>"
    for row in rows:
        yield "<tr>" + "".join(_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
    yield "</table>"


def bullets(title: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield a list under a heading; nothing where it is empty."""
    if not lines:
        return
    if title:
        yield f"<h2>{escape(title)}</h2>"
    yield "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def number(value: float | None) -> str:
    """Return four significant digits; nothing where there is no number."""
    import math

    return "" if value is None or not math.isfinite(value) else f"{value:.4g}".replace("-", "\u2212")


def _cell(cell: Cell, kind: str) -> str:
    if isinstance(cell, Raw):
        return f'<td class="mol">{cell.html}</td>'
    text, tone = cell if isinstance(cell, tuple) else (cell, "")
    return f"<td{_kind(' '.join(filter(None, (kind, tone))))}>{escape(text)}</td>"


def _kind(name: str) -> str:
    return f' class="{name}"' if name else ""
