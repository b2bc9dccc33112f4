"""Whether a recording is one voice: what is no part of a voice may be part of music or of a sound effect."""

from __future__ import annotations

from auscult.rules.sound.subject import SoundSubject
from auscult.sound.channels import correlate_channels

VOICE_SHARPNESS = (3.3, 9.0)
"""Kurtosis of the prediction's residual that speech has.

Measured on 330 real clips of 25 sources: speech 3.2 to 7; rattles, horns and synthesisers outside of
it. Margin: not recorded.
"""
VOICE_SYLLABLES_HZ = (2.5, 9.0)
"""Centre of the envelope's spectrum that speech has: 3.4 to 6.6 Hz, and some room. Chosen, not
measured."""
MIN_VOICE_MOVEMENT_DB = 6.0
"""Movement of the mel over time that speech has.

Measured on 120 clips of 11 sources: speech 8.8 dB at least but for one clip at 5.9, engines and alarms
4.6 dB at most. Margin: 1.4 and 2.8 dB.
"""
MIN_SAME_CHANNEL = 0.999
"""Correlation of channels that hold the same. Chosen, not measured."""


def is_one_signal(subject: SoundSubject) -> bool:
    """Whether all channels hold the same."""
    samples = subject.analysis.samples
    return all(correlate_channels(samples[0], other) > MIN_SAME_CHANNEL for other in samples[1:])


def is_voice(subject: SoundSubject) -> bool:
    """Whether the recording has the pulses, the rhythm and the movement of speech, and one channel's
    worth of it.
    """
    if not subject.analysis.active_frames.any():
        return False
    measures = subject.analysis.speaking_measures
    return (
        VOICE_SHARPNESS[0] <= measures.sharpness <= VOICE_SHARPNESS[1]
        and VOICE_SYLLABLES_HZ[0] <= measures.syllables_hz <= VOICE_SYLLABLES_HZ[1]
        and subject.analysis.movement_db >= MIN_VOICE_MOVEMENT_DB
        and is_one_signal(subject)
    )
