"""A trained model is worse than silence, or no better than at the start.

**What it finds.** A model that `train` has trained, whose output on recordings that it was not trained
on has an SNR below 0 dB, or is no nearer to them than before the first step.

**What you hear.** Noise, or the sound of the model as it was at the start.

**Why it happens.** Too high or too low a learning rate, a loss that says nothing of the sound, too
little material: the training recordings are learnt by heart, and nothing else.

**Example.** Wrong and right:

```console
$ auscult train codec --data recordings/ --set learning_rate=1e-9     # wrong
$ auscult train codec --data recordings/ --set learning_rate=8e-4     # right
```

**Blind spots.** Runs of fewer than 200 steps. Runs that were begun by a version
that did not measure the start: only the SNR is judged. Without a loss on the waveform the SNR says
nothing, and the mel distance alone is judged.

**How it is measured.** SNR on held-out recordings below 0 dB (`MIN_SNR_DB`). On the validation
recordings: neither the SNR 0.1 dB (`MIN_GAIN_DB`) above that of step 0, nor the mel distance 1 %
(`MIN_MEL_GAIN`) below it.

**Fix.** Run `auscult preflight`; try another learning rate. Safety: guess.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import TrainedSubject

CODE = "TRN029"
NAME = "nothing-learnt"
REQUIRES = TrainedSubject
MIN_SNR_DB = 0.0
"""SNR of silence, by definition: below it a model is worse than none. Chosen, not measured."""
MIN_GAIN_DB = 0.1
"""Rise of the SNR that counts as learnt. Chosen, not measured."""
MIN_MEL_GAIN = 0.01
"""Relative fall of the mel distance that counts as learnt. Chosen, not measured."""


def check(subject: TrainedSubject) -> Iterable[Finding]:
    if not subject.is_judged:
        return
    reason = describe_failure(subject)
    if reason:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            ("snr", "mel_l1"),
            reason,
            evidence={
                "snr_db": subject.figures.get("snr"),
                "mel_l1": subject.figures.get("mel_l1"),
            },
            fix=Fix("guess", "look at the training with `auscult preflight`; try another rate"),
            rank=14,
        )


def describe_failure(subject: TrainedSubject) -> str:
    """What shows that nothing was learnt; empty where something was."""
    snr = subject.figures.get("snr")
    if subject.is_waveform_trained and snr is not None and snr < MIN_SNR_DB:
        return (
            f"the SNR on held-out recordings is {snr:.2f} dB after {subject.steps:,} steps: worse than"
            " silence"
        )
    if not subject.curve or subject.curve[0]["step"] != 0 or subject.curve[-1]["step"] == 0:
        return ""
    first, last = subject.curve[0], subject.curve[-1]
    has_better_snr = subject.is_waveform_trained and last["snr"] >= first["snr"] + MIN_GAIN_DB
    has_nearer_mel = last["mel_l1"] <= first["mel_l1"] * (1 - MIN_MEL_GAIN)
    # of what is no number training-diverged speaks
    is_finite = all(
        abs(row[name]) < float("inf") for row in (first, last) for name in ("snr", "mel_l1")
    )
    if has_better_snr or has_nearer_mel or not is_finite:
        return ""
    return (
        f"no better than at the start: SNR {first['snr']:.2f} to {last['snr']:.2f} dB, mel distance"
        f" {first['mel_l1']:.3f} to {last['mel_l1']:.3f} in {last['step']:,} steps"
    )
