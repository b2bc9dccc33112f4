"""Which definition made this mel? The search from nothing to an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.mel import MelDefinition
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.compression import Compression, find_compression
from auscult.sound.mel_search.descent import SOLVED, Descent, first_seconds
from auscult.sound.mel_search.evidence import Evidence
from auscult.sound.mel_search.families import FAMILIES
from auscult.sound.mel_search.timing import Timing, find_timing
from auscult.sound.recording import Recording

Progress = Callable[[int, int, str], None]
Values = NDArray[np.float64]

MIN_TIMING_CORRELATION = 0.45
"""Right ones had 0.75 and more; another sound of the same rhythm may pass, and is left unexplained by the search."""
MAX_PLACE_SECONDS = 0.012
MIN_FRAMES = 8
MAX_FRAMES_A_SECOND = 1000
MIN_PADDING_FRAMES = 8
"""As many equal frames at the end are padding."""
GOOD_ENOUGH = 2e-4
"""Unexplained share at which other sample rates need not be tried."""
UNRELATED = 0.5
"""Unexplained share after the likeliest sample rates, above which it is another sound's mel."""
LIKELY = 0.02
"""Unexplained share below which a known definition may be the one."""
TRUSTED = 0.1
"""Unexplained share below which a definition is near enough to say which values are blurred by rounding."""
HOPELESS = 30.0
"""How many times worse than the best a sample rate may be after its first round before it is left."""


@dataclass(frozen=True, eq=False)
class Found:
    """What the search came to.

    Attributes:
        compression: The definition with its logarithm and normalisation, and how far its mel is from the one given.
        unexplained: Share of the mel's movement that the transform and filters leave unexplained.
        timing: Where the frames lie.
        transposed: Whether the mel was given as [frames, bands].
        evaluations: Definitions that were tried.
        mel: The mel as [bands, frames].
    """

    compression: Compression
    unexplained: float
    timing: Timing
    transposed: bool
    evaluations: int
    mel: Values

    @property
    def definition(self) -> MelDefinition:
        return self.compression.definition


def search(
    recording: Recording, mel: NDArray[np.floating], *, progress: Progress | None = None
) -> Found:
    """Find the definition of a mel spectrogram from the sound that it was made of.

    Args:
        mel: [bands, frames] or [frames, bands], with or without axes of length 1 before.

    Raises:
        AudioError: If it is no mel, holds values that are not numbers, is longer than the sound, or does not move with it.
    """
    values, transposed, timing = _orient(recording, two_dimensions(mel))
    kept = without_padding(values)
    if kept.shape[1] < values.shape[1]:  # and without those that look into the padding
        values = kept[:, : max(kept.shape[1] - int(0.06 / timing.hop_seconds) - 1, MIN_FRAMES)]
    is_log = bool(values.min() < 0 or np.ptp(values) < 0.05 * abs(values.max())) or _looks_like_log(
        values
    )
    evidence = Evidence(recording, values, is_log=is_log)
    best = _best_of_rates(evidence, timing, progress)
    if (
        not best.is_solved and values.min() >= 0
    ):  # a logarithm may be positive, and a mel without one may look like one
        other = Evidence(recording, values, is_log=not is_log)
        rival = Descent(other, timing, best.best)
        rival.run()
        if rival.score < 0.5 * best.score:
            evidence, best = other, rival
    compression = find_compression(recording, values, best.best, is_log=evidence.is_log)
    return Found(compression, best.score, timing, transposed, evidence.evaluations, values)


def two_dimensions(mel: NDArray[np.floating]) -> Values:
    """The mel without axes of length 1, as float64.

    Raises:
        AudioError: If that is not [bands, frames] of finite values.
    """
    values = np.asarray(mel, np.float64)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2 or min(values.shape) < 2:
        raise AudioError(
            "is no mel spectrogram", expected="[bands, frames]", found=list(np.shape(mel))
        )
    if not np.isfinite(values).all():
        raise AudioError(
            "the mel holds values that are not numbers", found=int((~np.isfinite(values)).sum())
        )
    return values


def without_padding(mel: Values) -> Values:
    """[bands, frames] without the frames at the end that are all the same, as a mel padded to a fixed length has them."""
    same = (mel == mel[:, -1:]).all(axis=0)
    last = int(np.flatnonzero(~same)[-1]) + 1 if not same.all() else mel.shape[1]
    return mel[:, :last] if mel.shape[1] - last >= MIN_PADDING_FRAMES else mel


def _orient(recording: Recording, mel: Values) -> tuple[Values, bool, Timing]:
    """The mel as [bands, frames]: the way round in which it moves with the sound."""
    ways = [(mel, False), (mel.T, True)]
    likely = [way for way in ways if way[0].shape[0] in grid.BAND_COUNTS]
    readings = []
    for values, transposed in likely or ways:
        if (
            MIN_FRAMES
            <= without_padding(values).shape[1]
            <= recording.seconds * MAX_FRAMES_A_SECOND
        ):
            readings.append(
                (values, transposed, find_timing(recording, _levels(without_padding(values))))
            )
    if not readings:
        raise AudioError(
            "the mel has too few frames to search with, or more than the sound has room for",
            expected=f"{MIN_FRAMES} to {int(recording.seconds * MAX_FRAMES_A_SECOND)} frames",
            found=list(mel.shape),
        )
    best = max(readings, key=lambda reading: reading[2].correlation)
    if best[2].correlation < MIN_TIMING_CORRELATION:
        frames = f"{recording.seconds:.2f} s against {best[0].shape[1]} frames"
        raise _unrelated(f"a correlation of {best[2].correlation:.2f} at the best hop, {frames}")
    return best


def _unrelated(found: str) -> AudioError:
    return AudioError(
        "the mel does not move with the sound",
        found=found,
        hint="is it the mel of this very recording, from beginning to end?",
    )


def _levels(mel: Values) -> Values:
    return (
        mel
        if _looks_like_log(mel) or mel.min() < 0
        else np.asarray(np.log(np.maximum(mel, mel.max() * 1e-9 + 1e-300)))
    )


def _looks_like_log(mel: Values) -> bool:
    """Whether values that are not negative are logarithms all the same: magnitudes are nearly all near zero."""
    return bool(np.median(mel - mel.min()) > 0.12 * np.ptp(mel))


def _best_of_rates(evidence: Evidence, timing: Timing, progress: Progress | None) -> Descent:
    """Known definitions first, then a descent at each sample rate whose hop would be a whole number."""
    known = [
        family.definition
        for family in FAMILIES.values()
        if _fits(family.definition, evidence, timing)
    ]
    best = min(
        (_start(evidence, timing, definition) for definition in known),
        key=lambda descent: descent.score,
        default=None,
    )
    if best is not None and best.score < LIKELY:
        _trusted(best).details()
        best.widen()
        best.details()
        if best.is_solved:
            return best
    pairs = _pairs(evidence.recording, timing, evidence.mel.shape[1])
    for index, (rate, hop) in enumerate(pairs):
        if progress:
            progress(index, len(pairs), f"searching at {rate} Hz, hop {hop}")
        if best is not None and best.score <= GOOD_ENOUGH:
            break
        if index == 2 and best is not None and best.score > UNRELATED:
            raise _unrelated(
                f"{best.score:.0%} of its movement is left unexplained by the nearest definition"
            )
        descent = _start(evidence, timing, _guess(evidence, timing, rate, hop))
        descent.run(give_up_above=HOPELESS * best.score if best else 1.0)
        if best is None or descent.score < best.score:
            best = _trusted(descent)
            best.run()
    if best is None:
        raise AudioError(
            "no hop in whole samples fits the mel's frames at any usual sample rate",
            found=f"{timing.hop_seconds:.5f} s",
        )
    if best.score > GOOD_ENOUGH:
        _other_filters(best)
    if progress:
        progress(len(pairs), len(pairs), "fitting the logarithm")
    return best


def _trusted(descent: Descent) -> Descent:
    """The same, scored on what it says can be trusted."""
    if descent.score < TRUSTED:
        descent.evidence.trust(descent.best)
        descent.rescore()
    return descent


def _start(evidence: Evidence, timing: Timing, definition: MelDefinition) -> Descent:
    return Descent(evidence, timing, replace(definition, norm="none"))


def _fits(definition: MelDefinition, evidence: Evidence, timing: Timing) -> bool:
    frames = evidence.mel.shape[1]
    hop = definition.hop / definition.sample_rate
    return (
        definition.n_mels == evidence.mel.shape[0]
        and abs(hop / timing.hop_seconds - 1) <= _tolerance(frames)
        and abs(first_seconds(definition) - timing.first_seconds) <= MAX_PLACE_SECONDS
    )


def _tolerance(frames: int) -> float:
    """Relative error of the measured hop: about a frame over the length."""
    return max(1.2 / frames, 1e-3)


def _pairs(recording: Recording, timing: Timing, frames: int) -> list[tuple[int, int]]:
    """Sample rates and hops that fit the timing: the recording's own rate first, then round hops before others."""
    own = recording.sample_rate
    rates = [own, *(rate for rate in grid.SAMPLE_RATES if rate != own and rate <= 2 * own)]
    pairs: list[tuple[float, int, int]] = []
    for order, rate in enumerate(rates):
        exact = timing.hop_seconds * rate
        reach = max(exact * _tolerance(frames), 0.5)
        hops = [
            hop for hop in range(int(np.ceil(exact - reach)), int(exact + reach) + 1) if hop > 0
        ]
        nice = [hop for hop in hops if hop % 16 == 0 or hop % 10 == 0 or hop in {275, 441}]
        for hop in nice or hops[:1]:
            off = abs(hop / exact - 1) / _tolerance(frames)
            pairs.append(
                (order + off - (1 if rate == own else 0) + (4 if hop not in nice else 0), rate, hop)
            )
    return [(rate, hop) for _, rate, hop in sorted(pairs)]


def _guess(evidence: Evidence, timing: Timing, rate: int, hop: int) -> MelDefinition:
    """Something to start from: a window of about 46 ms, placed where the first frame was measured."""
    size = 2 ** round(np.log2(rate * 0.046))
    size = max(size, 2 ** int(np.ceil(np.log2(hop))))
    base = MelDefinition(
        sample_rate=rate,
        n_fft=size,
        win=size,
        hop=hop,
        n_mels=evidence.mel.shape[0],
        fmax=min(8000.0, rate / 2),
        norm="none",
    )
    ways = [replace(base, padding=padding) for padding in ("centre", "hop", "none")]
    return min(ways, key=lambda way: abs(first_seconds(way) - timing.first_seconds))


def _other_filters(descent: Descent) -> None:
    """Filters that were made for another sample rate than that of the samples."""
    rates = [rate for rate in grid.SAMPLE_RATES if rate != descent.best.sample_rate]
    trials = []
    for rate in rates:
        trial = Descent(
            descent.evidence,
            descent.timing,
            replace(descent.best, filter_rate=rate, fmax=rate / 2, fmin=0.0),
        )
        trial.offer(
            {"scale": scale, "fmax": high}
            for scale in ("slaney", "htk")
            for high in grid.highest(rate)
        )
        trials.append(trial)
    best = min(trials, key=lambda trial: trial.score)
    if best.score < descent.score:
        for _ in range(2):
            best.window()
            best.transform()
            best.power()
            best.details()
            best.offer({"fmin": low} for low in grid.LOWEST_HZ)
    if best.score < 0.1 * descent.score:
        descent.best, descent.score = best.best, best.score


__all__ = ["SOLVED", "Found", "search", "two_dimensions"]
