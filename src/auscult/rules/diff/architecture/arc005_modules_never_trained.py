"""The code has modules that the checkpoint has never seen.

**What it finds.** Normalisation, LoRA, attention and conditioning modules in the model that have no counterpart anywhere
in the checkpoint: not a block that lost its norm, but a model that was written with norms for weights that were trained
without.

**What you hear.** The modules run with their initial weights between trained layers. BatchNorm with running statistics 0
and 1 passes its input on in `eval()` and normalises per batch in `train()`; random attention gates scale every channel at
random. The result is noise or a stationary buzz.

**Why it happens.** The inference code was written after the training code, or for a planned version of the model.
`strict=False`, or an exception that is caught, hides it.

**Blind spots.** A module without tensors (InstanceNorm without affine parameters, a dropout, an activation) cannot be
seen here; see `undetermined-by-weights`. Between two files a single such module is reported as `tensor-missing`.

**How it is measured.** A tensor counts if its name leaves every module path that the checkpoint has (indices generalised)
at a component that names a norm, LoRA, attention or conditioning module, or if its class does. Counters such as
`num_batches_tracked` count with their module, as `state_dict` does. No threshold; between two files at least two modules.

**Fix.** In the code: build the model without these modules, as the checkpoint was trained. Weights cannot be made up.
Where the checkpoint has as many tensors of the same shapes left over in the same place, under another last name, the
modules are most likely these, and a renaming was left out: then rename. Safety: guess, because the training code is not in
the file.

**References.** ronliwag/tool at c1a1693: 15 blocks of 24 tensors against 15 of 4, so 300 of 394 tensors were never
trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.modules import (
    classify_module,
    collect_path_patterns,
    find_novel_part,
)
from auscult.rules.diff.evidence.names import GRAPH_FORMATS
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import fold_names, format_count, list_first_names
from auscult.weights import Checkpoint, Shape

CODE = "ARC005"
NAME = "modules-never-trained"
REQUIRES = DiffSubject
PRECEDENCE = 115
MIN_MODULES_BETWEEN_FILES = 2


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    if subject.b.format in GRAPH_FORMATS:  # its names are of operators
        return
    absent = set(items.absent)
    if absent:
        known_paths = collect_path_patterns(name for name in subject.b if name not in absent)
    else:
        known_paths = frozenset()
    novel_parts = {
        name: part for name in items.absent if (part := find_novel_part(name, known_paths))
    }
    kinds = {name: classify_module(subject.b, name, part) for name, part in novel_parts.items()}
    # a branch that is absent with its convolutions and all, as a tokenizer, is a missing part and no norm too many
    absent_branches = {
        _find_novel_branch(name, novel_parts[name])
        for name, kind in kinds.items()
        if kind == "other"
    }
    leftover_modules = _find_renamed_modules(subject, novel_parts, items.surplus)
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
    if subject.b_is_template or len(modules) >= MIN_MODULES_BETWEEN_FILES:
        yield from places


def _find_renamed_modules(
    subject: DiffSubject, absent: Iterable[str], surplus: Iterable[str]
) -> dict[str, str]:
    """Modules that are absent, with the one module left over beside each that has tensors of the same names and shapes."""
    modules_by_form = [
        _group_by_form(form_groups, names)
        for form_groups, names in ((subject.b, absent), (subject.a, surplus))
    ]
    return {
        modules_by_form[0][form][0]: modules_by_form[1][form][0]
        for form in modules_by_form[0]
        if [len(form_groups.get(form, ())) for form_groups in modules_by_form] == [1, 1]
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
    side = "model" if subject.b_is_template else "reference"
    modules = {
        kind: fold_names(
            dict.fromkeys(
                str(claimed_place.evidence["module"])
                for claimed_place in places
                if claimed_place.evidence["kind"] == kind
            )
        )
        for kind in kinds
    }
    kinds_text = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common())
    renamed_modules = {
        str(claimed_place.evidence["left_over"]): str(claimed_place.evidence["module"])
        for claimed_place in places
        if claimed_place.evidence["left_over"]
    }
    is_renaming_dropped = len(set(renamed_modules.values())) == len(
        {claimed_place.evidence["module"] for claimed_place in places}
    )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{len(names)} of the {side}'s {len(subject.b)} tensors belong to modules that the checkpoint has never seen ({kinds_text}):"
        " they run with their initial weights"
        + (
            f"; left over beside them: {list_first_names(tuple(renamed_modules))}"
            if is_renaming_dropped
            else ""
        ),
        evidence={
            "tensors": len(names),
            "of": len(subject.b),
            "kinds": dict(kinds.most_common()),
            "modules": modules,
        }
        | ({"left_over": renamed_modules} if renamed_modules else {}),
        fix=Fix(
            "guess",
            _advise_renaming(renamed_modules)
            if is_renaming_dropped
            else _advise_removal(kinds, subject),
        ),
        rank=10,
    )


def _advise_renaming(renamed_modules: Mapping[str, str]) -> str:
    return f"rename {list_first_names(tuple(renamed_modules))} to {list_first_names(tuple(renamed_modules.values()))} on loading: a renaming was left out"


def _advise_removal(kinds: Iterable[str], subject: DiffSubject) -> str:
    return f"build the model without {', '.join(kinds)}, as the checkpoint was trained ({format_count(len(subject.a), 'tensor')})"
