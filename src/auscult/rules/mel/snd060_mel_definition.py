"""The mel is not the one that the vocoder was trained on, or none that auscult knows how to make.

**What it finds.** The settings in which the definition that made a mel spectrogram differs from the
definition that a vocoder expects: sample rate, transform, hop, window, bands, edges, mel scale,
filter norm, magnitude or power, logarithm, floor, padding, normalisation. The definition is not
believed from a config; it is searched for in the numbers.

**What you hear.** A vocoder that gets another mel than it was trained on: robotic, muffled or faint
speech, a wrong pitch, or noise. Another logarithm alone (log10 for ln) makes it 2.3 times too quiet
in the logarithm: nearly silent or grossly loud.

**Why it happens.** Every library has other defaults: librosa takes powers of the Slaney scale with
area norm, torchaudio powers of the HTK scale without; HiFi-GAN takes magnitudes and natural
logarithms, Whisper powers and base 10.

**Example.** Wrong and right:

```python
mel = filters @ np.abs(spectrum) ** 2  # wrong for a vocoder that was trained on magnitudes
mel = filters @ np.abs(spectrum)       # right for HiFi-GAN
```

**Blind spots.** Settings that leave no trace in the numbers stay open and are listed as such: a
floor that no value reaches, the padding of silence. Filters of another shape than triangles in
hertz (Kaldi's are triangles in mel) are not in the search: then no definition fits, and that is
said. Normalisation with statistics per band is recognised, but its numbers are not undone.

**How it is measured.** All settings are searched until the mel computed from the sound equals the
one given; the residual is in the mel's own unit and as a share of its standard deviation. Up to
`MAX_EXACT_SHARE` = 1 ‰ it counts as found exactly: right definitions left at most 0.001 ‰ in
float32 and 0.5 ‰ in float16. A symmetric instead of a periodic Hann window leaves 0.8 ‰, and is
told apart by being worse than the right one.

**Fix.** Where only norm, logarithm, floor or normalisation differ, lines of Python that convert the
mel as it is. Otherwise the mel has to be made again from the sound, by the code that the report
gives.

**References.** jik876/hifi-gan issue 35 and others like it: "the generated speech is noisy, which
mel did you use?".
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.mel.subject import MelSubject
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.against import SettingChange, find_changes, write_conversion_code
from auscult.sound.mel_search.code import write_librosa_code

CODE = "SND060"
NAME = "mel-definition"
REQUIRES = MelSubject
MAX_EXACT_SHARE = 1e-3
"""Residual over the mel's standard deviation up to which the definition is the one that made it.

Measured on mels made by right definitions in float32 and float16: 0.001 ‰ and 0.5 ‰ at most.
Margin: 2.
"""
MAX_NEAR_SHARE = 0.05
"""Up to here it is nearly the one: resampled by other means, or a setting off that is not searched
for.

Chosen, not measured.
"""


def check(subject: MelSubject) -> Iterable[Finding]:
    compression = subject.found.compression
    if compression.residual_share > MAX_EXACT_SHARE:
        yield _report_no_definition(subject)
    if subject.against is None or compression.residual_share > MAX_NEAR_SHARE:
        return
    name, target = subject.against
    differing_settings = find_changes(subject.found.definition, target, subject.alternatives)
    needed_changes = [change for change in differing_settings if not change.is_open]
    if needed_changes:
        yield _report_difference(subject, name, target, needed_changes)


def _report_difference(
    subject: MelSubject, name: str, target: MelDefinition, needed_changes: list[SettingChange]
) -> Finding:
    current = subject.found.definition
    code = write_conversion_code(current, target, needed_changes)
    if not code:
        fix = Fix("safe", "make the mel again from the sound", code=write_librosa_code(target))
    elif target.clip > current.clip:
        fix = Fix("lossy", "convert the mel as it is, [bands, frames]", code=code)
    else:
        fix = Fix("safe", "convert the mel as it is, [bands, frames]", code=code)
    is_exact = subject.found.compression.residual_share <= MAX_EXACT_SHARE
    changes_text = "; ".join(change.words for change in needed_changes)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.name,),
        f"not the mel that {name} was trained on: {changes_text}",
        confidence=0.99 if is_exact else 0.8,
        evidence={
            change.setting: {"found": change.found, "wanted": change.wanted}
            for change in needed_changes
        },
        fix=fix,
        rank=10,
    )


def _report_no_definition(subject: MelSubject) -> Finding:
    compression = subject.found.compression
    is_near = compression.residual_share <= MAX_NEAR_SHARE
    if compression.is_per_band:
        why = "every band was normalised by itself (mean, perhaps variance)"
    elif is_near:
        why = "resampled by other means, dithered, or with a setting that is not searched for"
    else:
        why = "is it the mel of this very sound, whole and unchanged?"
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.name,),
        f"{'nearly' if is_near else 'not'} explained: the nearest definition is "
        f"{compression.residual:.3g} off "
        f"({compression.residual_share:.1%} of the mel's standard deviation); {why}",
        confidence=0.9 if is_near else 0.5,
        evidence={
            "residual": compression.residual,
            "residual_share": compression.residual_share,
            "unexplained": subject.found.unexplained,
            "per_band": compression.is_per_band,
        },
        settled_by="the code that made the mel",
        rank=20,
    )
