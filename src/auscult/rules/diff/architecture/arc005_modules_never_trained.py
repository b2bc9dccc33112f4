"""The code has modules that the checkpoint has never seen.

**What it finds.** Normalisation, LoRA, attention and conditioning modules in the model that have no
counterpart anywhere in the checkpoint: not a block that lost its norm, but a model that was written
with norms for weights that were trained without.

**What you hear.** The modules run with their initial weights between trained layers. BatchNorm with
running statistics 0 and 1 passes its input on in `eval()` and normalises per batch in `train()`;
random attention gates scale every channel at random. The result is noise or a stationary buzz.

**Why it happens.** The inference code was written after the training code, or for a planned version
of the model. `strict=False`, or an exception that is caught, hides it.

**Blind spots.** A module without tensors (InstanceNorm without affine parameters, a dropout, an
activation) cannot be seen here; see `undetermined-by-weights`. Between two files a single such
module is reported as `tensor-missing`.

**How it is measured.** A tensor counts if its name leaves every module path that the checkpoint has
(indices generalised) at a component that names a norm, LoRA, attention or conditioning module, or
if its class does. Counters such as `num_batches_tracked` count with their module, as `state_dict`
does. No threshold; between two files at least two modules.

**Example.** The inference code adds norms to blocks that were trained without:

    ARC005 error  modules-never-trained: 30 of the model's 148 tensors belong to modules that the
    checkpoint has never seen (12 of norm, 12 of LoRA, 6 of attention): they run with their initial
    weights

**Fix.** In the code: build the model without these modules, as the checkpoint was trained. Weights
cannot be made up. Where the checkpoint has as many tensors of the same shapes left over in the same
place, under another last name, the modules are most likely these, and a renaming was left out: then
rename. Safety: guess, because the training code is not in the file.

**References.** ronliwag/tool at c1a1693: 15 blocks of 24 tensors against 15 of 4, so 300 of 394
tensors were never trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from auscult.facts.words import fold_columns, format_count, list_first_names
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.modules import (
    classify_module,
    collect_path_patterns,
    find_novel_part,
)
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.weights import Checkpoint, Shape

CODE = "ARC005"
NAME = "modules-never-trained"
REQUIRES = DiffSubject
PRECEDENCE = 115
MIN_MODULES_BETWEEN_FILES = 2
"""Modules; between two files a single one is reported as `tensor-missing`. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    if subject.target.is_graph:  # its names are of operators
        return
    unfilled = set(items.unfilled)
    known_paths: frozenset[str] = frozenset()
    if unfilled:
        known_paths = collect_path_patterns(name for name in subject.target if name not in unfilled)
    novel_parts = {
        name: part for name in items.unfilled if (part := find_novel_part(name, known_paths))
    }
    kinds = {
        name: classify_module(subject.target, name, part) for name, part in novel_parts.items()
    }
    # a branch that is absent with its convolutions and all, as a tokenizer, is a missing part and no norm too many
    absent_branches = {
        _find_novel_branch(name, novel_parts[name])
        for name, kind in kinds.items()
        if kind == "other"
    }
    leftover_modules = _find_renamed_modules(subject, novel_parts, items.unplaced)
    places = [
        ClaimedPlace(
            (name,),
            None,
            {
                "kind": kind,
                "module": (module_path := name.rpartition(".")[0]),
                "left_over": leftover_modules.get(module_path),
            },
        )
        for name, kind in kinds.items()
        if kind != "other"
        and _find_novel_branch(name, novel_parts[name]) not in absent_branches
        and not _is_leaf_of_known_module(name, known_paths)
    ]
    modules = {place.evidence["module"] for place in places}
    if subject.compares_shapes or len(modules) >= MIN_MODULES_BETWEEN_FILES:
        yield from places


def _find_renamed_modules(
    subject: DiffSubject, unfilled: Iterable[str], unplaced: Iterable[str]
) -> dict[str, str]:
    """Modules that are absent, with the one module left over beside each that has tensors of the same names and shapes."""
    unfilled_modules = _group_by_form(subject.target, unfilled)
    unplaced_modules = _group_by_form(subject.source, unplaced)
    return {
        modules[0]: unplaced_modules[form][0]
        for form, modules in unfilled_modules.items()
        if len(modules) == len(unplaced_modules.get(form, ())) == 1
    }


def _group_by_form(
    side: Checkpoint, names: Iterable[str]
) -> dict[tuple[str, frozenset[tuple[str, Shape]]], list[str]]:
    """Modules by what they lie in, and the names and shapes of their tensors."""
    modules: dict[str, set[tuple[str, Shape]]] = {}
    for name in names:
        module, _, parameter_name = name.rpartition(".")
        modules.setdefault(module, set()).add((parameter_name, side[name].shape))
    modules_by_form: dict[tuple[str, frozenset[tuple[str, Shape]]], list[str]] = {}
    for module, tensors in modules.items():
        modules_by_form.setdefault((module.rpartition(".")[0], frozenset(tensors)), []).append(
            module
        )
    return modules_by_form


def _find_novel_branch(name: str, novel_part_of_name: str) -> str:
    """The first module on the way to `name` that the checkpoint has nothing of."""
    return name.removesuffix(novel_part_of_name) + novel_part_of_name.partition(".")[0]


def _is_leaf_of_known_module(name: str, known_paths: frozenset[str]) -> bool:
    """Whether only the parameter is new, in a module that the checkpoint has (a bias where there was none)."""
    return "." not in find_novel_part(name, known_paths)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    kinds = Counter(str(place.evidence["kind"]) for place in places)
    names = tuple(name for place in places for name in place.where)
    source, target = subject.noun(subject.source_role), subject.noun(subject.target_role)
    kinds_text = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common())
    text = (
        f"{len(names)} of the {target}'s {len(subject.target)} tensors belong to modules that the {source} has never seen"
        f" ({kinds_text}): they run with their initial weights"
    )
    summary = _advise_removal(kinds, subject)
    evidence = {
        "tensors": len(names),
        "of": len(subject.target),
        "kinds": dict(kinds.most_common()),
        "modules": {kind: _fold_modules(places, kind) for kind in kinds},
    }
    renamed_modules = {
        str(place.evidence["left_over"]): str(place.evidence["module"])
        for place in places
        if place.evidence["left_over"]
    }
    if renamed_modules:
        evidence["left_over"] = renamed_modules
    if len(set(renamed_modules.values())) == len({place.evidence["module"] for place in places}):
        text += f"; left over beside them: {list_first_names(tuple(renamed_modules))}"
        summary = _advise_renaming(renamed_modules)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        text,
        evidence=evidence,
        fix=Fix("guess", summary),
        rank=10,
    )


def _fold_modules(places: Iterable[ClaimedPlace], kind: str) -> tuple[str, ...]:
    """The modules of one kind, folded by index."""
    modules = (str(place.evidence["module"]) for place in places if place.evidence["kind"] == kind)
    return fold_columns(dict.fromkeys(modules))


def _advise_renaming(renamed_modules: Mapping[str, str]) -> str:
    old_names = list_first_names(tuple(renamed_modules))
    new_names = list_first_names(tuple(renamed_modules.values()))
    return f"rename {old_names} to {new_names} on loading: a renaming was left out"


def _advise_removal(kinds: Iterable[str], subject: DiffSubject) -> str:
    source = subject.noun(subject.source_role)
    if set(kinds) == {"norm"}:
        return (
            f"find out whether the {source} was trained with these norms without parameters (affine=False): then nothing is"
            " missing; build the model without them only if it was trained without"
        )
    return (
        f"build the model without {', '.join(kinds)}, as the {subject.noun(subject.source_role)} was trained"
        f" ({format_count(len(subject.source), 'tensor')})"
    )
