"""The wanted SNR is above what the bit rate allows on this material.

**What it finds.** Promised SNRs that no codec of this bit rate can reach on the batch, whatever its
network.

**What you hear.** Nothing; but money is spent on a figure that is out of reach.

**Why it happens.** Figures of lossless or high-rate coding, taken for a low rate; SNR taken for a
perceptual score.

**Example.** Wrong and right:

```python
claims = {"snr_db": 40}  # wrong: 16 kbit/s at 16 kHz is one bit a sample
claims = {"snr_db": 12}  # right: below the bound that `auscult preflight` prints
```

**Blind spots.** The bound gives away the spectra of all frames and pauses for free, so that it is
generous: 2.5 dB above Shannon's figure for white noise at high rates. Exact repetitions in the
material could beat it. It is no forecast: real codecs stay several dB below.

**How it is measured.** Reverse water-filling over all frames and frequencies, frames of 16, 32 and
64 ms, the most favourable of the three; rate as given, or log2(codes) bits for every code of the
batch. Reported above the bound by 0.5 dB (`MARGIN_DB`).

**Fix.** More bits, or another goal (a perceptual one). Safety: safe.

**References.** Cover and Thomas, Elements of Information Theory, section 10.3.3.
devasphn/NewProject promises +35 to +42 dB at 16 kbit/s; the most it reached was 14.48.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN016"
NAME = "bitrate-bound"
REQUIRES = PreflightSubject
MARGIN_DB = 0.5
"""Above the bound: what is promised beyond it is reported. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    limit = subject.measured.limit
    if limit is None:
        return
    for claim in subject.measured.claims:
        if claim.snr_db is None or claim.snr_db <= limit.bound_db + MARGIN_DB:
            continue
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (claim.where,),
            f"{claim.snr_db:+.1f} dB SNR is out of reach at {limit.bitrate / 1000:.3g} kbit/s"
            f" ({limit.bitrate / limit.sample_rate:.2g} bits a sample): the spectra of this "
            "material allow"
            f" {limit.bound_db:.1f} dB at most",
            evidence={
                "bound_db": limit.bound_db,
                "bitrate": limit.bitrate,
                "bitrate_from": limit.how,
            },
            rank=36,
        )
