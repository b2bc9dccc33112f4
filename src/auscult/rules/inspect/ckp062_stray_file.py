"""Another weight file lies beside the shards of a model.

**What it finds.** In a folder of shards, a file of the same kind that belongs to no shard and holds
tensors of the same names.

**What you hear.** Noise or another voice, where a loader takes every file of the folder and the stray
one comes last: a mixture of two versions.

**Why it happens.** A quantised or older copy was left behind, or two uploads were mixed.

**Blind spots.** A file with other names is not told from a second model that belongs there.

**How it is measured.** By the names of the files and of their tensors: at least half of the stray file's
tensors have names that the shards have too.

**Example.** A 4-bit copy beside three shards, and a loader that takes them all:

    for path in sorted(folder.glob("*.safetensors")):  # wrong: takes the copy too
        weights.update(load_file(path))

**Fix.** Remove the file that is not meant, or load what `model.safetensors.index.json` names. Safety:
guess.

**References.** Blaizzy/mlx-vlm#1329.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.facts.shard_names import NUMBERED_NAME, SHARD_SUFFIXES
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity, Skip
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP062"
NAME = "stray-file"
REQUIRES = InspectSubject
MAX_OPENED_FILES = 8
"""Files beside the shards that are opened. Chosen, not measured."""
MIN_SHARED_SHARE = 0.5
"""Share of a file's tensors whose names the shards have too. Chosen, not measured."""


def check(subject: InspectSubject) -> Iterable[Finding | Skip]:
    folder = Path(subject.checkpoint.path)
    if not folder.is_dir():
        return
    for path in _list_strays(folder)[:MAX_OPENED_FILES]:
        try:
            stray = open_checkpoint(path)
        except CheckpointError as error:
            yield Skip(path.name, f"lies beside the shards and cannot be read: {error}")
            continue
        shared_count = sum(name in subject.checkpoint for name in stray)
        if stray.tensors and shared_count >= MIN_SHARED_SHARE * len(stray):
            yield Finding(
                CODE,
                NAME,
                Severity.WARNING,
                (path.name,),
                f"{path.name} lies beside the shards and is none of them: {shared_count} of its"
                f" {format_count(len(stray), 'tensor')} have the names of theirs; a loader that takes every file mixes the two",
                evidence={"file": path.name, "shared": shared_count, "tensors": len(stray)},
                fix=Fix("guess", "remove the file that is not meant, or load what the index names"),
                rank=9,
            )


def _list_strays(folder: Path) -> list[Path]:
    """Weight files beside numbered shards that have no number; none where there are no shards."""
    files = sorted(
        path for path in folder.iterdir() if path.suffix in SHARD_SUFFIXES and path.is_file()
    )
    shards = [path for path in files if NUMBERED_NAME.fullmatch(path.name)]
    suffixes = {path.suffix for path in shards}
    return [path for path in files if path not in shards and path.suffix in suffixes]
