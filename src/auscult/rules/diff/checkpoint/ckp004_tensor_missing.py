"""The candidate lacks tensors that the reference has.

**What it finds.** Tensors of the reference for which the candidate has nothing, neither under
another name nor within another tensor. Where the candidate is code that loads a checkpoint, these
are weights of the checkpoint for which the model has no place. Of two files also the reverse:
biases that the reference lacks, of layers whose weights both files have.

**What you hear.** A file that lacks tensors leaves a part of the model at its initial values. With
`strict=False`, in MLX or in Swift, nothing raises. On record: 72 times too quiet (the source
residual blocks were not loaded), and a velocity 26 times too small (the last projection). A model
that lacks layers of the checkpoint computes without them.

**Why it happens.** A renaming missed a branch, a file was saved from part of a model, or the code
is older or simpler than the training. Weights of an optimizer or a discriminator may lie in the
same file.

**Blind spots.** A tensor that is there under another name and with other values is not recognised.

**How it is measured.** The tensors of the reference that are left over after the alignment by
content and names. No threshold. A bias that the candidate alone has counts as lost by the reference
if its values vary and the weight of its layer is equal on both sides: one training gave both, so
the file without it is the one that lost it. A graph's biases do not count: exporters add some.

**Example.** A port of a vocoder was saved without its last convolution. `auscult diff vocoder.pth
port.safetensors` says:

    conv_post.weight, conv_post.bias  CKP004 error  tensor-missing: the candidate lacks 2 tensors of
    the reference (15 values)

**Fix.** Take the tensors from the file that has them; or add the modules that they belong to in the
code. Safety: not repairable.

**References.** torch.nn.Module.load_state_dict, `missing_keys` and `unexpected_keys`.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.naming import find_weight_norm_pair
from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.copies import describe_second_copy
from auscult.rules.diff.evidence.lost_biases import list_lost_biases
from auscult.rules.diff.subject import SIDE_KEYS, ClaimedPlace, DiffSubject, Role

CODE = "CKP004"
NAME = "tensor-missing"
REQUIRES = DiffSubject
PRECEDENCE = 900


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    lost_names = list_lost_biases(subject, items.surplus)
    return [
        *(_build_place(name, "candidate") for name in items.missing),
        *(_build_place(name, "reference") for name in lost_names),
    ]


def _build_place(name: str, lacking_role: Role) -> ClaimedPlace:
    return ClaimedPlace((name,), evidence={"lacking": SIDE_KEYS[lacking_role]})


def check(subject: DiffSubject) -> Iterable[Finding]:
    names_by_side: dict[str, list[str]] = {}
    for place in subject.places.get(NAME, ()):
        names_by_side.setdefault(place.evidence["lacking"], []).extend(place.where)
    if names := tuple(names_by_side.get(SIDE_KEYS["candidate"], ())):
        yield _describe_lacking_candidate(subject, names)
    if names := tuple(names_by_side.get(SIDE_KEYS["reference"], ())):
        yield _describe_lacking_reference(subject, names)


def _describe_lacking_candidate(subject: DiffSubject, names: tuple[str, ...]) -> Finding:
    reference, candidate = subject.noun("reference"), subject.noun("candidate")
    values = sum(subject.reference[name].size for name in names)
    text = f"the {candidate} lacks {format_count(len(names), 'tensor')} of the {reference} ({values:,} values)"
    if all(_is_lost_gain(subject, name) for name in names):
        text += ": of weight norm it has only v, without the gain g"
    severity, rank = Severity.ERROR, 25
    if subject.source_role == "reference":
        text += ": trained weights for which the model has no place"
        severity, rank = Severity.WARNING, 26
    return Finding(
        CODE,
        NAME,
        severity,
        names,
        text + describe_second_copy(subject, "reference", names),
        evidence={
            "values": values,
            "share_of_values": values / max(subject.reference.parameters, 1),
        },
        rank=rank,
    )


def _describe_lacking_reference(subject: DiffSubject, names: tuple[str, ...]) -> Finding:
    values = sum(subject.candidate[name].size for name in names)
    biases = "bias" if len(names) == 1 else "biases"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"the reference lacks {len(names)} {biases} of the candidate ({values:,} values), of layers whose weights both have:"
        " the same training gave both, so the reference lost them",
        evidence={
            "values": values,
            "share_of_values": values / max(subject.candidate.parameters, 1),
            "lacking": SIDE_KEYS["reference"],
        },
        rank=25,
    )


def _is_lost_gain(subject: DiffSubject, name: str) -> bool:
    """Whether it is the g of a weight norm whose v the candidate has under the same name."""
    pair = find_weight_norm_pair(name)
    return pair is not None and name == pair.names[0] and pair.names[1] in subject.candidate
