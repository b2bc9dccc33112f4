"""One side is a single shard of a model that is stored in several files.

**What it finds.** A file whose name says that it is one of several (`model-00001-of-00003.safetensors`),
held against a side that has tensors beyond it.

**What you hear.** Noise: the layers of the other shards keep their initial weights.

**Why it happens.** A loader opens the first file that it finds; a download brought one of the files.

**Blind spots.** A shard under another name is a file that lacks tensors (`tensor-missing`).

**How it is measured.** By the file's name, and what the other side has beyond it. No threshold.

**Example.** The first of three files is loaded:

    load_file("model-00001-of-00003.safetensors")  # 9 of 26 tensors

**Fix.** Give the folder, or its `*.index.json`. Safety: safe.

**References.** huggingface_hub, `split_torch_state_dict_into_shards`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from auscult.facts.shard_names import NUMBERED_NAME
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import ROLES, ClaimedPlace, DiffSubject, Role

CODE = "CKP019"
NAME = "shard-missing"
REQUIRES = DiffSubject
PRECEDENCE = 20
MAX_NAMED_SHARDS = 6
"""Other shards that the message names. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    """What the other side has beyond a lone shard."""
    for role in ROLES:
        if _read_number(subject, role) is not None:
            other: Role = "candidate" if role == "reference" else "reference"
            for name in items.unmatched_names(other):
                yield ClaimedPlace((name,), None, {"shard": role})


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    role: Role = places[0].evidence["shard"]
    number = _read_number(subject, role)
    assert number is not None
    index, total = number
    side = subject.checkpoint(role)
    others = _list_other_shards(side.path, index, total)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(place.where[0] for place in places),
        f"{PurePath(side.path).name} is shard {index} of {total}: it has {format_count(len(side), 'tensor')}, and the"
        f" {subject.noun('candidate' if role == 'reference' else 'reference')} has {len(places)} more; the rest is in {others}",
        evidence={"shard": index, "of": total, "tensors": len(side), "lacking": len(places)},
        fix=Fix("safe", "give the folder of the shards, or its *.index.json, as the target"),
        rank=9,
    )


def _read_number(subject: DiffSubject, role: Role) -> tuple[int, int] | None:
    """(which, of how many) for a side that is one file of several by its name."""
    match = NUMBERED_NAME.fullmatch(PurePath(subject.checkpoint(role).path).name)
    if match is None or int(match[3]) < 2:
        return None
    return int(match[2]), int(match[3])


def _list_other_shards(path: str, index: int, total: int) -> str:
    match = NUMBERED_NAME.fullmatch(PurePath(path).name)
    assert match is not None
    digits = len(match[2])
    names = [
        f"{match[1]}-{number:0{digits}d}-of-{match[3]}{match[4]}"
        for number in range(1, min(total, MAX_NAMED_SHARDS + 1) + 1)
        if number != index
    ]
    text = ", ".join(names[:MAX_NAMED_SHARDS])
    if total - 1 > len(names):
        text += f" and {total - 1 - len(names)} more"
    return text
