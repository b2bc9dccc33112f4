"""The sound repeats with the period of a frame: a buzz on the frame rate, instead of speech or under it.

**What it finds.** Energy that sits on the multiples of sample rate / hop. A vocoder writes one hop of samples per frame; if every
frame comes out alike, whatever the mel says, the output repeats once per hop.

**What you hear.** A steady buzz on one note (62.5 Hz for 16 kHz and hop 256, 250 Hz for hop 64) that ignores what should be
said: an error. Or the words, on a pitch that snaps to multiples of that note like a robot's: a warning.

**Why it happens.** The layers that turn frames into sound answer to the frame clock and not to the input: their weights are
random, missing, or in the wrong layout, so that the biases and the pattern of the transposed convolutions are all that is left.
Where the words are there, the generator is too small or too little trained: it starts its pitch pulses anew in every frame, since
no phase runs on from one to the next.

**Blind spots.** A voice or instrument that holds a note at a multiple of the frame rate looks the same; with a reference
recording that has the same comb, nothing is reported. A buzz at another period needs that period's hop.

**How it is measured.** Share of the energy above 20 Hz within ±4 Hz of the multiples of sample rate / hop, less what chance
puts there: 1 for an exactly repeating sound, 0 for speech. Without a reference reported above `MIN_SHARE` = 0.45: on 74 clean
espeak-ng sentences (7 languages, 9 voice variants) the highest was 0.14 at hops 128, 256, 320, 480 and 512, and 0.08 at hop
64 on 32 of them. With one, where the share is 0.15 above the reference's: noise at -40 dBFS, a low-pass, saturation and a lag
raised it by 0.02 at most. A trained vocoder half loaded into the wrong model gave 0.31 to 1.00. An error where the mel moves
so little that it is `flat-mel`, else a warning.

**Fix.** None in the sound. Compare checkpoint and code with `auscult diff CHECKPOINT package.module:factory`.

**References.** Pons et al., Upsampling artifacts in neural audio synthesis (arXiv 2010.14356).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound.flat_mel import is_flat
from auscult.rules.subject import SoundSubject
from auscult.sound.analysis import Analysis
from auscult.sound.measures import comb_share

CODE = "SND001"
NAME = "buzz"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = (
    *("flat-mel", "noise", "frame-seams", "imaging", "phase-metallic", "band-limited", "saturated", "clipping"),
    *("sample-rate-label", "interleave", "wrap-around"),
)
MIN_SHARE = 0.45
"""Of the energy on the comb, chance taken off; without a reference, since a voice may hold that very pitch."""
MIN_ABOVE_REFERENCE = 0.15
"""The same with a reference, whose own share is taken off."""


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    recording, reference = subject.recording, subject.reference
    if subject.hop is None:
        yield Skip(recording.name, "no search for a buzz at the frame rate: the hop is not known")
        return
    share = comb_share(recording.mono, recording.sample_rate, subject.hop)
    usual = comb_share(reference.resampled(recording.sample_rate).mono, recording.sample_rate, subject.hop) if reference else 0.0
    if share - usual < (MIN_ABOVE_REFERENCE if reference else MIN_SHARE):
        return
    rate = recording.sample_rate / subject.hop
    against = f", against {usual:.0%} in the reference" if reference else ""
    stuck = is_flat(subject.analysis.movement_db, Analysis(reference).movement_db if reference else None)
    meaning = "every frame sounds alike" if stuck else "the words may be there, but the pitch is not the input's: a robot's voice"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if stuck else Severity.WARNING,
        (recording.name,),
        f"{share:.0%} of the energy lies on multiples of {rate:.4g} Hz, the frame rate{against}: {meaning}",
        confidence=min(0.99, 0.5 + share / 2),
        evidence={
            "comb_share": round(share, 4),
            "reference_comb_share": round(usual, 4),
            "hop": subject.hop,
            "frame_rate_hz": rate,
        },
        rank=60,
    )
