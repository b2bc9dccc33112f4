"""Which definition made this mel? The search from nothing to an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.mel import MelDefinition
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.compression import MelCompression, find_compression
from auscult.sound.mel_search.descent import SOLVED_SHARE, MelDescent, first_frame_seconds
from auscult.sound.mel_search.evidence import MelEvidence
from auscult.sound.mel_search.families import FAMILIES
from auscult.sound.mel_search.timing import FrameTiming, find_timing
from auscult.sound.recording import Recording

Progress = Callable[[int, int, str], None]
MelValues = NDArray[np.float64]

MIN_TIMING_CORRELATION = 0.45
"""Correlation of the mel's movement with the sound's, below which they do not belong together.

Measured on right mels: 0.75 and more. Margin: 0.3; another sound of the same rhythm may pass, and
is left unexplained by the search.
"""
MAX_PLACE_SECONDS = 0.012
"""By which a known definition's first frame may be off the measured one. Chosen, not measured."""
MIN_FRAMES = 8
"""Frames below which nothing is searched. Chosen, not measured."""
MAX_FRAMES_A_SECOND = 1000
"""Frames a second above which an array is no mel of that sound. Chosen, not measured."""
MIN_PADDING_FRAMES = 8
"""As many equal frames at the end are padding. Chosen, not measured."""
MAX_RANGE_OF_LOG = 0.05
"""Of its greatest value: values whose range is smaller than this are logarithms.

Chosen, not measured.
"""
MIN_MEDIAN_OF_LOG = 0.12
"""Of the range: values whose median is higher than this above the lowest are logarithms; magnitudes
are nearly all near zero.

Chosen, not measured.
"""
GOOD_ENOUGH_SHARE = 2e-4
"""Unexplained share at which other sample rates need not be tried. Chosen, not measured."""
UNRELATED_SHARE = 0.5
"""Unexplained share after the likeliest sample rates, above which it is another sound's mel.

Chosen, not measured.
"""
LIKELY_SHARE = 0.02
"""Unexplained share below which a known definition may be the one. Chosen, not measured."""
TRUSTED_SHARE = 0.1
"""Unexplained share below which a definition is near enough to say which values are blurred by
rounding.

Chosen, not measured.
"""
HOPELESS_FACTOR = 30.0
"""How many times worse than the best a sample rate may be after its first round before it is left.

Chosen, not measured.
"""
MAX_SHARE_OF_OWN_FILTERS = 0.1
"""Of what filters for the own sample rate leave: those for another rate have to leave less than
this.

Chosen, not measured.
"""


@dataclass(frozen=True, eq=False)
class SearchOutcome:
    """What the search came to.

    Attributes:
        compression: The definition with its logarithm and normalisation, and how far its mel is
            from the one given.
        unexplained: Share of the mel's movement that the transform and filters leave unexplained.
        timing: Where the frames lie.
        transposed: Whether the mel was given as [frames, bands].
        evaluations: Definitions that were tried.
        mel: The mel as [bands, frames].
    """

    compression: MelCompression
    unexplained: float
    timing: FrameTiming
    transposed: bool
    evaluations: int
    mel: MelValues

    @property
    def definition(self) -> MelDefinition:
        return self.compression.definition


def search_definition(
    recording: Recording, mel: NDArray[np.floating], *, progress: Progress | None = None
) -> SearchOutcome:
    """Find the definition of a mel spectrogram from the sound that it was made of.

    Args:
        mel: [bands, frames] or [frames, bands], with or without axes of length 1 before.

    Raises:
        AudioError: If it is no mel, holds values that are not numbers, is longer than the sound, or
            does not move with it.
    """
    values, transposed, timing = _orient_mel(recording, drop_unit_axes(mel))
    unpadded_values = drop_padding(values)
    if unpadded_values.shape[1] < values.shape[1]:  # and without those that look into the padding
        values = unpadded_values[
            :, : max(unpadded_values.shape[1] - int(0.06 / timing.hop_seconds) - 1, MIN_FRAMES)
        ]
    is_log = bool(
        values.min() < 0 or np.ptp(values) < MAX_RANGE_OF_LOG * abs(values.max())
    ) or _is_log_scaled(values)
    evidence = MelEvidence(recording, values, is_log=is_log)
    best_descent = _search_rates(evidence, timing, progress)
    if (
        not best_descent.is_solved and values.min() >= 0
    ):  # a logarithm may be positive, and a mel without one may look like one
        other_evidence = MelEvidence(recording, values, is_log=not is_log)
        rival_descent = MelDescent(other_evidence, timing, best_descent.best)
        rival_descent.run()
        if rival_descent.score < 0.5 * best_descent.score:
            evidence, best_descent = other_evidence, rival_descent
    compression = find_compression(recording, values, best_descent.best, is_log=evidence.is_log)
    return SearchOutcome(
        compression, best_descent.score, timing, transposed, evidence.evaluations, values
    )


def drop_unit_axes(mel: NDArray[np.floating]) -> MelValues:
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


def drop_padding(mel: MelValues) -> MelValues:
    """[bands, frames] without the frames at the end that are all the same, as a mel padded to a
    fixed length has them.
    """
    equals_last = (mel == mel[:, -1:]).all(axis=0)
    if not equals_last.all():
        last = int(np.flatnonzero(~equals_last)[-1]) + 1
    else:
        last = mel.shape[1]
    if mel.shape[1] - last >= MIN_PADDING_FRAMES:
        return mel[:, :last]
    return mel


def _orient_mel(recording: Recording, mel: MelValues) -> tuple[MelValues, bool, FrameTiming]:
    """The mel as [bands, frames]: the way round in which it moves with the sound."""
    possible_ways = [(mel, False), (mel.T, True)]
    likely_ways = [way for way in possible_ways if way[0].shape[0] in grid.BAND_COUNTS]
    orientations = []
    for values, transposed in likely_ways or possible_ways:
        if MIN_FRAMES <= drop_padding(values).shape[1] <= recording.seconds * MAX_FRAMES_A_SECOND:
            orientations.append(
                (values, transposed, find_timing(recording, _to_log_levels(drop_padding(values))))
            )
    if not orientations:
        raise AudioError(
            "the mel has too few frames to search with, or more than the sound has room for",
            expected=f"{MIN_FRAMES} to {int(recording.seconds * MAX_FRAMES_A_SECOND)} frames",
            found=list(mel.shape),
        )
    best_orientation = max(orientations, key=lambda orientation: orientation[2].correlation)
    if best_orientation[2].correlation < MIN_TIMING_CORRELATION:
        frames = f"{recording.seconds:.2f} s against {best_orientation[0].shape[1]} frames"
        raise _make_unrelated_error(
            f"a correlation of {best_orientation[2].correlation:.2f} at the best hop, {frames}"
        )
    return best_orientation


def _make_unrelated_error(observation: str) -> AudioError:
    return AudioError(
        "the mel does not move with the sound",
        found=observation,
        hint="is it the mel of this very recording, from beginning to end?",
    )


def _to_log_levels(mel: MelValues) -> MelValues:
    if _is_log_scaled(mel) or mel.min() < 0:
        return mel
    return np.asarray(np.log(np.maximum(mel, mel.max() * 1e-9 + 1e-300)))


def _is_log_scaled(mel: MelValues) -> bool:
    """Whether values that are not negative are logarithms all the same: magnitudes are nearly all
    near zero.
    """
    return bool(np.median(mel - mel.min()) > MIN_MEDIAN_OF_LOG * np.ptp(mel))


def _search_rates(
    evidence: MelEvidence, timing: FrameTiming, progress: Progress | None
) -> MelDescent:
    """Known definitions first, then a descent at each sample rate whose hop would be a whole
    number.
    """
    known_definitions = [
        family.definition
        for family in FAMILIES.values()
        if _has_matching_timing(family.definition, evidence, timing)
    ]
    best_descent = min(
        (_start_descent(evidence, timing, definition) for definition in known_definitions),
        key=lambda descent: descent.score,
        default=None,
    )
    if best_descent is not None and best_descent.score < LIKELY_SHARE:
        _rescore_on_trusted(best_descent).details()
        best_descent.widen()
        best_descent.details()
        if best_descent.is_solved:
            return best_descent
    pairs = _find_rate_hop_pairs(evidence.recording, timing, evidence.mel.shape[1])
    for index, (rate, hop) in enumerate(pairs):
        if progress:
            progress(index, len(pairs), f"searching at {rate} Hz, hop {hop}")
        if best_descent is not None and best_descent.score <= GOOD_ENOUGH_SHARE:
            break
        if index == 2 and best_descent is not None and best_descent.score > UNRELATED_SHARE:
            raise _make_unrelated_error(
                f"{best_descent.score:.0%} of its movement is left unexplained by the nearest "
                "definition"
            )
        descent = _start_descent(evidence, timing, _guess_definition(evidence, timing, rate, hop))
        descent.run(give_up_above=HOPELESS_FACTOR * best_descent.score if best_descent else 1.0)
        if best_descent is None or descent.score < best_descent.score:
            best_descent = _rescore_on_trusted(descent)
            best_descent.run()
    if best_descent is None:
        raise AudioError(
            "no hop in whole samples fits the mel's frames at any usual sample rate",
            found=f"{timing.hop_seconds:.5f} s",
        )
    if best_descent.score > GOOD_ENOUGH_SHARE:
        _try_other_filters(best_descent)
    if progress:
        progress(len(pairs), len(pairs), "fitting the logarithm")
    return best_descent


def _rescore_on_trusted(descent: MelDescent) -> MelDescent:
    """The same, scored on what it says can be trusted."""
    if descent.score < TRUSTED_SHARE:
        descent.evidence.mask_rounded_values(descent.best)
        descent.update_score()
    return descent


def _start_descent(
    evidence: MelEvidence, timing: FrameTiming, definition: MelDefinition
) -> MelDescent:
    return MelDescent(evidence, timing, replace(definition, norm="none"))


def _has_matching_timing(
    definition: MelDefinition, evidence: MelEvidence, timing: FrameTiming
) -> bool:
    frames = evidence.mel.shape[1]
    hop = definition.hop / definition.sample_rate
    return (
        definition.n_mels == evidence.mel.shape[0]
        and abs(hop / timing.hop_seconds - 1) <= _compute_hop_tolerance(frames)
        and abs(first_frame_seconds(definition) - timing.first_seconds) <= MAX_PLACE_SECONDS
    )


def _compute_hop_tolerance(frames: int) -> float:
    """Relative error of the measured hop: about a frame over the length."""
    return max(1.2 / frames, 1e-3)


def _find_rate_hop_pairs(
    recording: Recording, timing: FrameTiming, frames: int
) -> list[tuple[int, int]]:
    """Sample rates and hops that fit the timing: the recording's own rate first, then round hops
    before others.
    """
    own_rate = recording.sample_rate
    rates = [
        own_rate,
        *(rate for rate in grid.SAMPLE_RATES if rate != own_rate and rate <= 2 * own_rate),
    ]
    pairs: list[tuple[float, int, int]] = []
    for order, rate in enumerate(rates):
        exact_hop = timing.hop_seconds * rate
        reach = max(exact_hop * _compute_hop_tolerance(frames), 0.5)
        hops = [
            hop
            for hop in range(int(np.ceil(exact_hop - reach)), int(exact_hop + reach) + 1)
            if hop > 0
        ]
        round_hops = [hop for hop in hops if hop % 16 == 0 or hop % 10 == 0 or hop in {275, 441}]
        for hop in round_hops or hops[:1]:
            deviation = abs(hop / exact_hop - 1) / _compute_hop_tolerance(frames)
            pairs.append(
                (
                    order
                    + deviation
                    - (1 if rate == own_rate else 0)
                    + (4 if hop not in round_hops else 0),
                    rate,
                    hop,
                )
            )
    return [(rate, hop) for _, rate, hop in sorted(pairs)]


def _guess_definition(
    evidence: MelEvidence, timing: FrameTiming, rate: int, hop: int
) -> MelDefinition:
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
    return min(ways, key=lambda way: abs(first_frame_seconds(way) - timing.first_seconds))


def _try_other_filters(descent: MelDescent) -> None:
    """Filters that were made for another sample rate than that of the samples."""
    rates = [rate for rate in grid.SAMPLE_RATES if rate != descent.best.sample_rate]
    trials = []
    for rate in rates:
        trial = MelDescent(
            descent.evidence,
            descent.timing,
            replace(descent.best, filter_rate=rate, fmax=rate / 2, fmin=0.0),
        )
        trial.offer_changes(
            {"scale": scale, "fmax": high}
            for scale in ("slaney", "htk")
            for high in grid.list_upper_edges(rate)
        )
        trials.append(trial)
    best = min(trials, key=lambda trial: trial.score)
    if best.score < descent.score:
        for _ in range(2):
            best.window()
            best.transform()
            best.power()
            best.details()
            best.offer_changes({"fmin": low} for low in grid.LOWEST_HZ)
    if best.score < MAX_SHARE_OF_OWN_FILTERS * descent.score:
        descent.best, descent.score = best.best, best.score


__all__ = ["SOLVED_SHARE", "SearchOutcome", "drop_unit_axes", "search_definition"]
