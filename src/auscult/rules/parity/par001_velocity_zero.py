"""The sampler's states never move: the estimator's velocity is zero.

**What it finds.** The output of an iterative sampler equals its start noise (mean 0, deviation 1).

**What you hear.** Hiss; a vocoder behind it makes noise with most energy in the high frequencies.

**Why it happens.** The estimator's weights were not loaded (names that do not match are ignored by lenient loaders),
or its last projection is zero.

**Blind spots.** A model whose data are themselves standard normal noise would look alike.

**How it is measured.** The relative distance between the sampler's first and last state is below 1e-3 where the
reference's is above 1e-2.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** a10n-io/nightingale_TTS, whose decoder gave back its start noise.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR001"
NAME = "velocity-zero"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=5)
