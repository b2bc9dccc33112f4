"""Two channels in one row of samples, read in the wrong order: half speed and doubled images, or the reverse."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "interleave"
FOLLOWS = True
SUSPECTS: tuple[Suspect, ...] = ()
WRITING = "transpose [channels, time] to [time, channels] before writing, or reverse on reading"
