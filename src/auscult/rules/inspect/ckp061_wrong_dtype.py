"""The bytes of tensors were read as another number type.

**What it finds.** Float tensors whose values scatter over dozens of powers of two, as no weights do,
while the same bytes read as another type, or in the other byte order, look like weights.

**What you hear.** Noise, a constant buzz, or NaN and then silence.

**Why it happens.** A runtime or a converter takes every tensor for float32, though the file holds
float16; big-endian data are read as little-endian; 16-bit data are taken for the other 16-bit type.

**Blind spots.** bfloat16 read as float16 stays within the range of weights, and bfloat16 pairs read
as float32 are every second weight: neither is seen here. Bytes of block-quantised types look like no
plain type; they are seen by `diff` against the original. Up to `MAX_READ` = 64 tensors are looked at.

**How it is measured.** The standard deviation of log2 of the magnitudes: 6 or more as stored, 3.5 or
less, all finite and of the size of weights in the other reading (`auscult.checkpoint.misread`). Normal
weights have 1.6, heavy-tailed ones 2.2; float16 pairs read as float32 have 13. Never so on drawn or
trained weights: their bytes in another reading are random.

**Example.** Every tensor is taken for float32:

    values = np.frombuffer(data, np.float32, count, offset)  # wrong: the header says float16
    values = np.frombuffer(data, np.float16, count, offset)  # right

**Fix.** Read each tensor as the type that the file's header gives for it. Safety: not repairable from
these values where they ran into the next tensor.

**References.** numpy.frombuffer; ml_dtypes.bfloat16.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.checkpoint import glance
from auscult.checkpoint.health import Health, is_float
from auscult.checkpoint.misread import find_better_reading
from auscult.errors import CheckpointError
from auscult.facts.words import format_count, summarise_names
from auscult.finding import Finding, Severity, Skip
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP061"
NAME = "wrong-dtype"
REQUIRES = InspectSubject

MIN_RATIO = 1e4
"""Largest over typical magnitude from which a tensor is looked at; `outliers` explains the figure."""
MAX_READ = 64
"""Tensors that are looked at: a misreading concerns all of a file. Chosen, not measured."""
SAMPLE_VALUES = 512
"""Values that are read of each. Chosen, not measured."""
CONFIDENCE = 0.95
"""The other reading is likely, not proven. Chosen, not measured."""


def check(subject: InspectSubject) -> Iterable[Finding | Skip]:
    reading_by_name: dict[str, str] = {}
    suspects = [name for name, health in subject.health.items() if _is_suspect(health)]
    for name in suspects[:MAX_READ]:
        tensor = subject.checkpoint[name]
        if not is_float(tensor.dtype) or tensor.quantization is not None:
            continue
        try:
            values = glance.read_values(tensor, 0, min(tensor.size, SAMPLE_VALUES))
        except CheckpointError as error:
            yield Skip(name, str(error))
            continue
        reading = find_better_reading(tensor.dtype, values)
        if reading is not None:
            reading_by_name[name] = reading
    if reading_by_name:
        names = tuple(reading_by_name)
        reading, _ = Counter(reading_by_name.values()).most_common(1)[0]
        verb = "is" if len(names) == 1 else "are"
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            names,
            f"{format_count(len(names), 'tensor')} {verb} no weights as {subject.checkpoint[names[0]].dtype}, and the same bytes"
            f" look like weights as {reading}: {summarise_names(names)}",
            CONFIDENCE,
            evidence={"readings": dict(Counter(reading_by_name.values()).most_common())},
            rank=5,
        )


def _is_suspect(health: Health) -> bool:
    return bool(health.nan or health.inf) or (
        health.geometric > 0 and health.peak >= MIN_RATIO * health.geometric
    )
