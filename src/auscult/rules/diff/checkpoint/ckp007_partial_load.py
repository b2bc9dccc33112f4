"""`load_state_dict` raised after it had copied the tensors that fit, and the caller went on.

**What it finds.** Against code, or a model of other shapes: which tensors `load_state_dict` would
copy before it raises, and what share of the values that is. Between two files: a checkpoint of
which a part equals the reference and the rest looks freshly initialised, which is what such a model
looks like when it is saved. Of a loaded model beside its file: tensors that still look freshly
initialised, and that the file has under names which the model does not know.

**What you hear.** Trained and random layers in one chain: noise, or a buzz at the hop rate. The
model is also left in training mode if the exception skipped `.eval()`.

**Why it happens.** PyTorch copies every tensor whose name and shape match *before* it raises
RuntimeError; a size mismatch raises even with `strict=False`. A `try/except` around it prints a
line and goes on.

**Blind spots.** The files do not show whether the caller really catches the exception. Between two
files, few fresh tensors are reported as `untrained`: at least 4 and 10 % of the weights are needed
here.

**How it is measured.** Names and shapes, as `load_state_dict` compares them, after the change of
prefix (if any) that a loader makes. Between files as for `untrained`.

**Example.** The exception is caught, and the model goes on half loaded:

    try:
        model.load_state_dict(state, strict=False)
    except RuntimeError as error:  # raised after 64 of 94 tensors were copied
        print("warning:", error)
    model.eval()

**Fix.** Build the model that the checkpoint was trained with, and let the exception through.
Safety: safe.

**References.** torch.nn.Module._load_from_state_dict; ronliwag/tool at c1a1693 (64 of 94 tensors,
23 % of the values).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from auscult.align.loading import simulate_load
from auscult.facts.weight_norm import parse_weight_norm_name
from auscult.facts.words import format_count, list_first_names
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import is_mostly_equal, select_measured_pairs
from auscult.rules.diff.evidence.never_loaded import find_never_loaded, find_unloaded_matches
from auscult.rules.diff.evidence.shapes import find_shape_mismatches
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP007"
NAME = "partial-load"
REQUIRES = DiffSubject
PRECEDENCE = 60
MIN_FRESH_TENSORS = 4
"""Tensors that look freshly initialised; fewer are reported as `untrained`. Chosen, not measured."""
MIN_FRESH_SHARE = 0.1
"""Share of the weights that looks freshly initialised. Chosen, not measured."""
MIN_EQUAL_SHARE = 0.2
"""Share of the tensors that has to be equal; below it the two are different trainings. Chosen, not measured."""
MAX_LISTED_PAIRS = 20
"""Pairs of names that the evidence lists. Chosen, not measured."""
CONFIDENCE = 0.9
"""A look of freshness is evidence and no proof. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    """What the file has under names that the code does not know; and pairs of which one side is fresh, if they are many."""
    for pair in find_never_loaded(subject, items.missing, items.surplus):
        yield ClaimedPlace((*pair.code, *pair.file), None, {"code": pair.code, "file": pair.file})
    for match in find_unloaded_matches(subject, items.unequal_matches):
        code, file = (match.a, match.b) if subject.reference.is_code else (match.b, match.a)
        yield ClaimedPlace(match.b, match, {"code": code, "file": file})
    yield from _claim_fresh_pairs(subject, items)


def _claim_fresh_pairs(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    """The pairs of which one side is fresh, if they are many and the rest is equal."""
    if not is_mostly_equal(subject, MIN_EQUAL_SHARE):
        return
    fresh_places, unsure_places = [], []
    for pair in select_measured_pairs(
        subject, [match for match in items.unequal_matches if match.cause is None]
    ):
        untrained_side = pair.untrained_side
        if untrained_side is not None and untrained_side[1] in {"uniform", "normal"}:
            fresh_places.append(
                ClaimedPlace(
                    pair.match.b, pair.match, {"side": untrained_side[0], "like": untrained_side[1]}
                )
            )
        elif pair.in_range:
            unsure_places.append(
                ClaimedPlace(pair.match.b, pair.match, {"side": "candidate", "like": "uniform"})
            )
    weight_count = sum(1 for tensor in subject.candidate.values() if len(tensor.shape) > 1)
    if len(fresh_places) >= max(MIN_FRESH_TENSORS, MIN_FRESH_SHARE * weight_count):
        yield from (
            *fresh_places,
            *unsure_places,
        )  # too small to be told alone, but unequal in a file that is known to be half loaded


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    unknown_places = tuple(place for place in places if "code" in place.evidence)
    saved_places = tuple(place for place in places if "code" not in place.evidence)
    if unknown_places:
        yield _build_unknown_finding(subject, unknown_places)
    if saved_places:
        yield _build_saved_finding(subject, saved_places)
    if not places:
        yield from _find_caught_load(subject)


def _find_caught_load(subject: DiffSubject) -> Iterable[Finding]:
    """What `load_state_dict` would leave behind, where it raises after it copied a part."""
    # a shape that a permutation explains is a matter of layout, whatever load_state_dict thinks of it
    if not find_shape_mismatches(subject):
        return
    target_by_source = {
        subject.source_names(match)[0]: subject.target_names(match)[0]
        for match in subject.alignment.matches
        if len(match.a) == len(match.b) == 1
    }
    outcome = simulate_load(subject.source, subject.target, target_by_source)
    if not outcome.partial:
        return
    target_text = "model" if subject.compares_shapes else "reference's model"
    prefix_note = " (once the prefix is stripped)" if subject.names.prefix else ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if subject.compares_shapes else Severity.WARNING,
        outcome.mismatched,
        f"load_state_dict{prefix_note} raises, but only after copying {len(outcome.copied)} of {len(subject.source)} tensors"
        f" ({outcome.values_copied:,} of {outcome.values_total:,} values, {outcome.share:.0%}) into the {target_text};"
        f" {format_count(len(outcome.mismatched), 'tensor')} keep their initial values, whatever `strict` says",
        evidence={
            "copied": len(outcome.copied),
            "mismatched": len(outcome.mismatched),
            "missing": len(outcome.missing),
            "unexpected": len(outcome.unexpected),
            "values_copied": outcome.values_copied,
            "values_total": outcome.values_total,
            "share": round(outcome.share, 4),
        },
        fix=Fix(
            "safe",
            "build the model that the checkpoint was trained with; do not catch the exception",
        ),
        rank=20,
    )


def _build_unknown_finding(subject: DiffSubject, places: tuple[ClaimedPlace, ...]) -> Finding:
    """One finding for tensors that are fresh in the code and lie in the file under names that it does not know."""
    code_names = tuple(chain.from_iterable(place.evidence["code"] for place in places))
    file_names = tuple(chain.from_iterable(place.evidence["file"] for place in places))
    code, file = subject.candidate, subject.reference
    if subject.reference.is_code:
        code, file = file, code
    values = sum(code[name].size for name in code_names)
    reason, advice = _advise_loading(code_names, file_names)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        code_names,
        f"{format_count(len(code_names), 'tensor')} of the model {'was' if len(code_names) == 1 else 'were'} never loaded"
        f" ({values:,} of {code.parameters:,} values): they look freshly initialised, and the checkpoint has"
        f" {format_count(len(file_names), 'tensor')} for them under names that the model does not know: {reason}{advice}",
        confidence=CONFIDENCE,
        evidence={
            "never_loaded": len(code_names),
            "dropped": len(file_names),
            "values_fresh": values,
            "values_total": code.parameters,
            "names": [
                [list(place.evidence["file"]), list(place.evidence["code"])]
                for place in places[:MAX_LISTED_PAIRS]
            ],
        },
        fix=Fix("guess", f"{advice}, and load with strict=True"),
        rank=14,
    )


def _advise_loading(code_names: tuple[str, ...], file_names: tuple[str, ...]) -> tuple[str, str]:
    """Why they were not loaded, if it is known, and what to do: the order of the calls for weight norm, a renaming for the rest."""
    has_pairs = [
        any(parse_weight_norm_name(name) is not None for name in names)
        for names in (code_names, file_names)
    ]
    if has_pairs == [False, True]:
        reason = "weight norm was removed from the model before load_state_dict; "
        return reason, "load first, then call remove_weight_norm()"
    if has_pairs == [True, False]:
        return (
            "the checkpoint's weights are fused; ",
            "call remove_weight_norm() on the model first, then load",
        )
    return "", f"rename {list_first_names(file_names)} to {list_first_names(code_names)}"


def _build_saved_finding(subject: DiffSubject, places: tuple[ClaimedPlace, ...]) -> Finding:
    names = tuple(name for place in places for name in place.where)
    values = sum(subject.candidate[name].size for name in names)
    total = subject.candidate.parameters
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {subject.noun('candidate')} look freshly initialised ({values:,} of {total:,} values, {values / total:.0%})"
        " while the rest is equal: the load stopped part-way, or skipped names that it did not know",
        confidence=CONFIDENCE,
        evidence={"fresh": len(names), "values_fresh": values, "values_total": total},
        rank=14,
    )
