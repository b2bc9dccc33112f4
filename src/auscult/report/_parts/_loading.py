"""The table of what a load left in a live model, as lines of text: names folded, shape against shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.facts.words import fold_columns, format_shape

MAX_LINES = 12
"""Lines of the table; with `-v` all. Chosen, not measured."""


def fold_rows(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(state, model, file) per line: rows of one state and one pair of shapes together, `–` where there is nothing."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        shapes = tuple(tuple(map(tuple, row[key])) for key in ("model_shapes", "file_shapes"))
        groups.setdefault((row["state"], *shapes), []).append(row)
    return [
        (state, _describe(members, "model", model), _describe(members, "file", file))
        for (state, model, file), members in groups.items()
    ]


def iter_table_lines(rows: Sequence[Mapping[str, Any]], *, whole: bool) -> Iterator[str]:
    """The table as aligned text, its first lines or all."""
    lines = [("in the model", "is", "in the file")]
    folded = fold_rows(rows)
    shown = folded if whole else folded[:MAX_LINES]
    lines += [(model, state, file) for state, model, file in shown]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    for model, state, file in lines:
        yield f"  {model:{widths[0]}}  {state:{widths[1]}}  {file}".rstrip()
    if len(folded) > len(shown):
        yield f"  ... {len(folded) - len(shown)} more; -v shows all"


def _describe(rows: Sequence[Mapping[str, Any]], key: str, shapes: Sequence[Sequence[int]]) -> str:
    """`resblocks.{0..2}.weight_g 16×1×1, resblocks.{0..2}.weight_v 16×16×3`."""
    parts = []
    for position, shape in enumerate(shapes):
        names = fold_columns([row[key][position] for row in rows])
        text = names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1} more"
        parts.append(f"{text} {format_shape(shape)}".rstrip())
    return ", ".join(parts) or "–"
