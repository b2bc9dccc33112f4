"""What the caller of preflight may say beside the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PreflightOptions:
    """Options of a run.

    Attributes:
        steps: Training steps to watch, at most.
        seconds: Time for all of it; what does not fit is left out and listed.
        sample_rate: In Hz, where the target does not say it.
        bitrate: Bits a second, instead of the target's.
        claims: `snr_db` and the like, over the target's.
    """

    name: str = "trainer"
    steps: int = 24
    seconds: float = 110.0
    sample_rate: int | None = None
    bitrate: float | None = None
    claims: Mapping[str, float] = field(default_factory=dict)
