"""Mutate checkpoints of every format; open_checkpoint must give the tensors, or a CheckpointError of one line, soon.

A format takes part when `tests/checkpoint/samples/` has a module for it with `make(path, seed)`, which writes a small random
file, and `SUFFIX` where its files do not end in its name; nothing else is needed. Besides bytes, archives are mutated by member (with the directory made to fit), so that mutations
reach what lies behind the first check.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.weights import Checkpoint
from tests.checkpoint import samples

TIME_LIMIT_S = 10.0
MAX_READ_BYTES = 1 << 24
NUMBERS = (
    b"\xff" * 2,
    b"\xff" * 4,
    b"\xff" * 8,
    b"\0" * 8,
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\x01\0\0\0\0\0\0\x80",
    b"\x01",
)
PIECES = (
    *(
        b"cos\nsystem\n",
        b"\x8c\x02os\x8c\x06system\x93",
        b"(S'true'\nio\n",
        b"R",
        b"b",
        b"\x81",
        b"\x92",
        b"(",
        b"t",
        b"\x85",
        b"0",
    ),
    *(
        b"\x8e" + b"\xff" * 8,
        b"\x8b\xff\xff\xff\x7f",
        b"r\xff\xff\xff\xff",
        b"}",
        b"]" * 300,
        b"\x85" * 3000,
        b"." * 3,
        b"u",
        b"e",
    ),
    *(
        b'"shape":[4294967296,4294967296]',
        b"[[[[[[[[",
        b"{" * 900,
        b"-1",
        b"1e99",
        b"NaN",
        b"null",
        b"\xed\xa0\x80",
        b"\x1b[2J",
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one file: how many tensors were read, or the error's line."""

    tensors: int
    refused: str | None
    seconds: float


def sample_names() -> list[str]:
    """The formats that have a sample maker."""
    return sorted(info.name for info in pkgutil.iter_modules(samples.__path__))


@cache
def sample(name: str, seed: int) -> bytes:
    """The bytes of a small random file of a format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sample{suffix_of(name)}"
        importlib.import_module(f"{samples.__name__}.{name}").make(path, seed)
        return path.read_bytes()


def suffix_of(name: str) -> str:
    """The suffix of a format's files: the maker's `SUFFIX`, or the maker's name."""
    maker = importlib.import_module(f"{samples.__name__}.{name}")
    return str(getattr(maker, "SUFFIX", f".{name}"))


def mutate(content: bytes, rng: random.Random) -> bytes:
    """`content` with one to six random edits; in an archive half of the time within a member."""
    if content.startswith(b"PK\x03\x04") and rng.random() < 0.6:
        return _mutate_members(content, rng)
    if content[8:9] == b"{" and rng.random() < 0.6:
        length = int.from_bytes(content[:8], "little")
        header = _edit(content[8 : 8 + length], rng)
        return len(header).to_bytes(8, "little") + header + content[8 + length :]
    return _edit(content, rng)


def check(path: Path) -> Outcome:
    """Open a file and read its tensors.

    Every exception but a CheckpointError goes through; so does an error that is not one short line, a tensor that is not what
    its description says, a module imported on the file's behalf, and a read that takes longer than TIME_LIMIT_S.
    """
    before = set(sys.modules)
    start = time.monotonic()
    tensors, refused = 0, None
    try:
        tensors = sum(1 for _ in read_all(open_checkpoint(path)))
    except CheckpointError as error:
        refused = str(error)
    seconds = time.monotonic() - start
    foreign = {
        name
        for name in set(sys.modules) - before
        if not name.startswith(("auscult", "ml_dtypes", "numpy", "encodings"))
    }
    if refused is not None and (
        "\n" in refused or len(refused) > 2000 or not refused.isprintable()
    ):
        raise AssertionError(f"an error that is not one printable line: {refused[:300]!r}")
    if foreign - STANDARD:
        raise AssertionError(f"reading imported {sorted(foreign - STANDARD)}")
    if seconds > TIME_LIMIT_S:
        raise AssertionError(f"reading took {seconds:.1f} s")
    return Outcome(tensors, refused, seconds)


STANDARD = frozenset(
    (
        *("importlib.resources", "json", "json.decoder", "json.scanner", "_json", "json.encoder"),
        *("zlib", "tarfile", "grp", "pwd", "xml", "xml.parsers", "xml.parsers.expat", "pyexpat"),
        *(
            f"{name}.{part}"
            for name in ("pyexpat", "xml.parsers.expat")
            for part in ("errors", "model")
        ),
    )
)
"""Modules of the standard library that readers import when they are first used."""


def read_all(checkpoint: Checkpoint) -> Iterator[str]:
    """The names of the tensors, each read within bounds; a refused read counts as read."""
    for name, tensor in checkpoint.items():
        try:
            part = tensor.flat(0, 3)
            if part.shape != (min(3, tensor.size),):
                raise AssertionError(f"{name}: flat gave {part.shape} of {tensor.shape}")
            if tensor.nbytes <= MAX_READ_BYTES:
                if tensor.numpy().shape != tensor.shape:
                    raise AssertionError(f"{name}: numpy gave another shape than {tensor.shape}")
                tensor.values()
        except CheckpointError as error:
            if "\n" in str(error):
                raise AssertionError("an error of several lines") from error
        yield name


def _edit(content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        # Half of the edits go to the front, where headers are, and some to the end, where a zip directory is.
        reach = rng.choice((len(content), min(len(content), 400)))
        place = (
            rng.randrange(reach + 1)
            if rng.random() < 0.8
            else len(content) - rng.randrange(reach + 1)
        )
        new = rng.choice(
            (
                bytes([rng.randrange(256)]),
                rng.randbytes(rng.randrange(1, 9)),
                rng.choice(NUMBERS),
                rng.choice(PIECES),
            )
        )
        action = rng.choice("ooooiiccdst")
        if action == "o":
            content = content[:place] + new + content[place + len(new) :]
        elif action == "i":
            content = content[:place] + new + content[place:]
        elif action == "c":
            content = content[:place] + content[place + rng.choice((1, 4, 8, 64)) :]
        elif action == "d":
            content = (
                content[:place]
                + content[max(place - rng.choice((1, 8, 64, 512)), 0) : place]
                + content[place:]
            )
        elif action == "s" and place < len(content):
            content = (
                content[:place]
                + bytes([content[place] ^ 1 << rng.randrange(8)])
                + content[place + 1 :]
            )
        elif rng.random() < 0.3:
            content = content[:place]
    return content


def _mutate_members(content: bytes, rng: random.Random) -> bytes:
    packed = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", method) as new:
        names = old.namelist()
        pickles = [name for name in names if name.endswith(".pkl")]
        chosen = rng.choice(pickles if pickles and rng.random() < 0.7 else names)
        for name in names:
            data = old.read(name)
            new.writestr(name, _edit(data, rng) if name == chosen else data)
    return packed.getvalue()
