"""The sound repeats once per frame: a buzz on the frame rate, instead of speech or under it.

**What it finds.** Lines on the exact multiples of sample rate / hop, up to the treble, from
beginning to end. A vocoder writes one hop of samples per frame; if every frame comes out alike,
whatever the mel says, the output repeats once per hop. With the model's hop, at that; without, at
the rates that usual hops (64 to 2,048) give at usual sample rates.

**What you hear.** A steady buzz on one note (62.5 Hz for 16 kHz and hop 256, 250 Hz for hop 64)
that ignores what should be said, or goes on under it: an error. Or the words, on a pitch that snaps
to multiples of that note like a robot's: a warning.

**Why it happens.** The layers that turn frames into sound answer to the frame clock and not to the
input: their weights are random, missing, or in the wrong layout, so that the biases and the pattern
of the transposed convolutions are all that is left. Where the words are there, the generator is too
small or too little trained: it starts its pitch pulses anew in every frame, since no phase runs on
from one to the next.

**What makes this sound.** Every frame comes out alike, so the waveform repeats once per hop,
whatever the input says. A tone on the frame rate is what one hears.

**Example.** A vocoder that never received its weights buzzes on sample rate / hop:

```python
generator = Generator(config)
generator.load_state_dict(weights, strict=False)  # wrong: a prefix differs, nothing is loaded

weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
generator.load_state_dict(weights)  # right: a name that does not fit is an error
```

**Blind spots.** A machine that holds a note at exactly such a rate looks the same (a synthetic
sawtooth of 100.000 Hz; a piano does not); with a reference recording that has the same lines,
nothing is reported. Without the hop, words on a robot's pitch.

**How it is measured.** Loudness evened out, so that pauses count as much as words: of the energy
between the middles of two gaps, the share within two bins of each multiple, less what chance puts
there, mean over the multiples: 1 for an exactly repeating sound. Reported from `MIN_LINES_BLIND` =
0.55 among the usual rates and `MIN_LINES` = 0.2 at the model's own. 150 clean clips had 0.024 at
most among the usual rates, 156 coded ones 0.014, 20 sentences of the bundled vocoder 0.11, 150
synthetic steady sawtooths 0.50; a buzz of 30 % of the energy had 0.63 at least, twelve generators
of random weights 0.71 to 0.82. With the model's hop also from `MIN_SHARE` = 0.45 of the energy
above 20 Hz within ±4 Hz of the multiples, less chance, which words on a robot's pitch have: 0.14 at
most on 74 clean espeak-ng sentences. With a reference, both are above the reference's
(`MIN_ABOVE_REFERENCE` = 0.15 for the energy). A trained vocoder half loaded into the wrong model
gave 0.31 to 1.00. An error where it is `flat-mel` as well or the lines are above 0.55, else a
warning. False alarms: none on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that
set no threshold.

**Fix.** None in the sound. Compare checkpoint and code with
`auscult diff CHECKPOINT package.module:factory`.

**References.** Pons et al., Upsampling artifacts in neural audio synthesis (arXiv 2010.14356).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound.shared_suspects import NOT_LOADED, SCRAMBLED
from auscult.rules.sound.snd002_flat_mel import is_stationary
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.analysis import SoundAnalysis
from auscult.sound.comb import MAX_SAMPLES, find_strongest_comb
from auscult.sound.measures import comb_share

CODE = "SND001"
NAME = "buzz"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = (
    *(
        "flat-mel",
        "noise",
        "frame-seams",
        "imaging",
        "phase-metallic",
        "band-limited",
        "saturated",
        "clipping",
        "dc",
    ),
    *("sample-rate-label", "interleave", "wrap-around"),
)
FOLLOWS = True
SUSPECTS = (
    NOT_LOADED,
    SCRAMBLED,
    Suspect(
        ("weight-norm-unfused", "weight-norm-swapped", "weight-norm-axis"),
        "gains lost or laid over the wrong axis leave the pattern of the transposed convolutions "
        "and the biases",
        needs="weights",
    ),
    Suspect(
        (
            "leaky-slope",
            "branch-sum-mean",
            "norm-missing",
            "norm-extra",
            "dilation",
            "residual-missing",
            "undetermined-by-weights",
        ),
        "all tensors load and the code still computes something else with them",
        needs="traces",
    ),
    Suspect(
        ("transform-invented", "mel-definition", "velocity-zero"),
        "features that do not vary over time give the same frame again and again",
        needs="traces",
    ),
)
MIN_LINES = 0.2
"""Share of the energy around each multiple of the model's own frame rate that lies on it, chance
taken off.

Measured on 150 clean clips, 156 coded ones and 20 sentences of the bundled vocoder at the usual
rates: 0.024, 0.014 and 0.11 at most; a trained vocoder half loaded into the wrong model: 0.31 to
1.00. Margin: 1.5.
"""
MIN_LINES_BLIND = 0.55
"""The same where the hop is not known, at the best of the usual frame rates.

Measured on 150 clean clips and 150 synthetic steady sawtooths: 0.024 and 0.50 at most; a buzz of 30
% of the energy: 0.63 at least. Margin: 1.1 to each side.
"""
MIN_SHARE = 0.45
"""Of the energy on the multiples, chance taken off; without a reference, since a voice may hold
that very pitch.

Measured on 74 clean espeak-ng sentences: 0.14 at most. Margin: 3.2.
"""
MIN_ABOVE_REFERENCE = 0.15
"""The same with a reference, whose own share is taken off. Chosen, not measured."""
MIN_SECONDS = 0.5
"""Shorter recordings are not judged. Chosen, not measured."""
LOWEST_HZ = 30.0
"""Slower repetitions are heard as single events. Chosen, not measured."""
USUAL_RATES = (16000, 22050, 24000, 32000, 44100, 48000)
USUAL_HOPS = (
    *(
        64,
        80,
        100,
        128,
        160,
        192,
        200,
        240,
        256,
        300,
        320,
        384,
        400,
        441,
        480,
        512,
        600,
        640,
        768,
        800,
        882,
        960,
    ),
    *(1024, 1200, 1280, 1920, 2048),
)


@dataclass(frozen=True)
class _CombShares:
    """Of one recording: the frame rate, how much of what is around its multiples is lines, and of
    all energy on them.
    """

    frame_rate: float
    lines: float
    energy: float


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    recording, reference, hop = subject.recording, subject.reference, subject.hop
    if hop is None:
        yield Skip(
            recording.name,
            "a buzz was looked for at the usual frame rates only: the model's hop is not known",
        )
    rate = recording.sample_rate
    if recording.seconds < MIN_SECONDS:
        return
    candidate_shares = _measure_shares(
        subject.analysis, list_frame_rates(rate) if hop is None else (rate / hop,), hop
    )
    if reference is not None:
        reference_analysis = SoundAnalysis(reference.resample(rate))
    else:
        reference_analysis = None
    if reference_analysis is not None:
        reference_shares = _measure_shares(reference_analysis, (candidate_shares.frame_rate,), hop)
    else:
        reference_shares = _CombShares(candidate_shares.frame_rate, 0.0, 0.0)
    min_energy = MIN_SHARE if reference is None else MIN_ABOVE_REFERENCE
    if (
        candidate_shares.lines - reference_shares.lines
        < (MIN_LINES_BLIND if hop is None else MIN_LINES)
        and candidate_shares.energy - reference_shares.energy < min_energy
    ):
        return
    yield _make_finding(
        subject,
        candidate_shares,
        reference_shares,
        is_stuck=is_stationary(subject.analysis, reference_analysis),
    )


def list_frame_rates(sample_rate: int) -> tuple[float, ...]:
    """Frames per second that usual hops give, at this sample rate and at the usual ones (it may
    have been resampled since).
    """
    pairs = product((sample_rate, *USUAL_RATES), USUAL_HOPS)
    rates = {rate / hop for rate, hop in pairs}
    return tuple(sorted(rate for rate in rates if rate >= LOWEST_HZ))


def _measure_shares(
    analysis: SoundAnalysis, rates: tuple[float, ...], hop: int | None
) -> _CombShares:
    comb = find_strongest_comb(analysis.voice, analysis.sample_rate, rates)
    if hop is not None:
        energy = comb_share(analysis.voice[:MAX_SAMPLES], analysis.sample_rate, hop)
    else:
        energy = 0.0
    return _CombShares(comb.hertz or rates[0], comb.share, energy)


def _make_finding(
    subject: SoundSubject,
    candidate_shares: _CombShares,
    reference_shares: _CombShares,
    *,
    is_stuck: bool,
) -> Finding:
    share = max(candidate_shares.lines, candidate_shares.energy)
    is_error = is_stuck or candidate_shares.lines - reference_shares.lines >= MIN_LINES_BLIND
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if is_error else Severity.WARNING,
        (subject.recording.name,),
        _describe_buzz(subject, candidate_shares, reference_shares, is_stuck=is_stuck),
        confidence=min(0.99, 0.5 + share / 2),
        evidence={
            "lines": round(candidate_shares.lines, 4),
            "reference_lines": round(reference_shares.lines, 4),
            "comb_share": round(candidate_shares.energy, 4),
            "reference_comb_share": round(reference_shares.energy, 4),
            "hop": subject.hop,
            "frame_rate_hz": candidate_shares.frame_rate,
        },
        rank=60,
    )


def _describe_buzz(
    subject: SoundSubject,
    candidate_shares: _CombShares,
    reference_shares: _CombShares,
    *,
    is_stuck: bool,
) -> str:
    share = max(candidate_shares.lines, candidate_shares.energy)
    message = f"{share:.0%} of the energy"
    if candidate_shares.energy < candidate_shares.lines:
        message += " of each band"
    of_frames = "the frame rate" if subject.hop is not None else "a usual frame rate"
    message += f" lies on multiples of {candidate_shares.frame_rate:.4g} Hz, {of_frames}"
    if subject.reference is not None:
        reference_share = max(reference_shares.lines, reference_shares.energy)
        message += f", against {reference_share:.0%} in the reference"
    if is_stuck:
        return f"{message}: every frame sounds alike"
    return (
        f"{message}: what should be heard may be there, but not at the input's pitch, or under it"
    )
