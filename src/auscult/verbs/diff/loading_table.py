"""What a load left in a live model: per tensor whether it was loaded, is still random, or was dropped, shape against shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from auscult.rules.diff.checkpoint.ckp006_untrained import NAME as UNTRAINED
from auscult.rules.diff.checkpoint.ckp007_partial_load import NAME as PARTIAL_LOAD
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality
from auscult.weights import Checkpoint

STATE_WORDS = {
    "loaded": "loaded",
    "random": "random, never loaded",
    "different": "other values",
    "absent": "not in the file",
    "dropped": "dropped, of the file",
}


def describe_loading(subject: DiffSubject) -> dict[str, Any]:
    """`{"loading": {...}}` where one side is code that was loaded in part; else empty.

    A row has the names and shapes in the model and in the file, and the state: `loaded` (equal, perhaps after operations),
    `random` (looks as its constructor left it), `different`, `absent` (the file has nothing for it), `dropped` (the model has no
    place for it).
    """
    if subject.compares_shapes or subject.reference.is_code == subject.candidate.is_code:
        return {}
    fresh_places = (*subject.places.get(PARTIAL_LOAD, ()), *subject.places.get(UNTRAINED, ()))
    if not fresh_places:
        return {}
    code, file = subject.candidate, subject.reference
    if subject.reference.is_code:
        code, file = file, code
    fresh_matches = {id(place.match) for place in fresh_places if place.match is not None}
    rows: list[dict[str, Any]] = []
    for match in subject.alignment.matches:
        state = "loaded"
        if match.equality is Equality.DIFFERENT:
            state = "random" if id(match) in fresh_matches else "different"
        names = (match.a, match.b) if subject.reference.is_code else (match.b, match.a)
        rows.append(_build_row(state, code, names[0], file, names[1]))
    for place in fresh_places:
        if place.match is None:
            code_names, file_names = place.evidence["code"], place.evidence["file"]
            rows.append(_build_row("random", code, code_names, file, file_names))
    in_rows = {name for row in rows for name in (*row["model"], *row["file"])}
    rows += [_build_row("absent", code, (name,), file, ()) for name in code if name not in in_rows]
    rows += [_build_row("dropped", code, (), file, (name,)) for name in file if name not in in_rows]
    counts = _count_tensors(rows)
    dropped = sum(len(row["file"]) for row in rows if row["state"] in {"random", "dropped"})
    sentence = ", ".join(f"{counts[state]} {STATE_WORDS[state]}" for state in counts)
    says = f"of the model's {len(code)} tensors: {sentence}; of the file's {len(file)}, {dropped} did not get in"
    return {"loading": {"counts": dict(counts), "not_in": dropped, "rows": rows, "says": says}}


def _build_row(
    state: str,
    code: Checkpoint,
    code_names: Iterable[str],
    file: Checkpoint,
    file_names: Iterable[str],
) -> dict[str, Any]:
    model, stored = list(code_names), list(file_names)
    return {
        "state": state,
        "model": model,
        "model_shapes": [list(code[name].shape) for name in model],
        "file": stored,
        "file_shapes": [list(file[name].shape) for name in stored],
    }


def _count_tensors(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Tensors of the model by state, in the order of `STATE_WORDS`."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["state"]] += len(row["model"])
    return Counter({state: counts[state] for state in STATE_WORDS if counts[state]})
