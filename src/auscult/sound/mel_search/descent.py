"""Down to the transform and the filters that explain a mel, one group of settings at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, product
from typing import Any

import numpy as np

from auscult.sound.mel import count_frame_samples, count_padding
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.evidence import MelEvidence
from auscult.sound.mel_search.timing import FrameTiming

SOLVED_SHARE = 1e-9
"""Of the mel's movement unexplained: float32 leaves less, the nearest wrong definition more.

Chosen, not measured.
"""
ROUNDING_SHARE = 1e-11
"""Of the mel's movement: what rounding in float32 may leave. Chosen, not measured."""
MAX_FLOORED_SHARE = 0.3
"""Unexplained share from which on a constant under the logarithm may be all that is missing.

Chosen, not measured.
"""
MAX_SHARE_OF_ROUND = 0.3
"""A constant under the root that is not round is believed when it leaves at most this share of what
a round one leaves.

Chosen, not measured.
"""
MAX_HANN_SHARE = 1e-3
"""Unexplained share above which the window may have another shape than Hann's.

Chosen, not measured.
"""
MAX_ROUNDS = 4
"""Rounds over all groups of settings. Chosen, not measured."""
STALLED_SHARE = 0.98
"""Of what was unexplained before: a round that leaves more than this is the last one.

Chosen, not measured.
"""
MAX_PLACE_SECONDS = 0.012
"""By which a padding's first frame may be off the measured one. Chosen, not measured."""
FINE_STEPS_HZ = (400.0, 100.0, 25.0, 5.0, 1.0)


class MelDescent:
    """The best definition so far for one sample rate."""

    def __init__(self, evidence: MelEvidence, timing: FrameTiming, start: MelDefinition) -> None:
        self.evidence, self.timing = evidence, timing
        self.best = start
        self.score = evidence.unexplained(start)

    def offer_changes(self, settings: Iterable[dict[str, Any]]) -> bool:
        """Take the best of these changes if it is better than what there is."""
        before = self.score
        start = self.best
        for changes in settings:
            if self.evidence.is_out_of_time:
                break
            self._keep_if_better(replace(start, **changes))
        return self.score < before

    def _keep_if_better(self, definition: MelDefinition) -> None:
        score = self.evidence.unexplained(definition)
        if score < self.score:
            self.best, self.score = definition, score

    @property
    def is_solved(self) -> bool:
        return self.score <= SOLVED_SHARE

    def update_score(self) -> None:
        """Take the score anew, where the evidence is looked at in another way."""
        self.score = self.evidence.unexplained(self.best)

    def run(self, give_up_above: float = 1.0) -> None:
        """Filters, window, transform and the rest in turn, until nothing helps, or the first round
        leaves too much.
        """
        if not self._run_rounds(give_up_above):
            return
        if self.widen():
            self._run_rounds(1.0)
        for _ in range(3):
            for step in (
                self.refine_floor,
                self.window,
                self.refine_edges,
                self.sizes,
                self.power,
                self.pre_emphasis,
                self.details,
            ):
                if not self.is_solved:
                    step()

    def _run_rounds(self, give_up_above: float) -> bool:
        """False where it was given up."""
        steps: tuple[Callable[[], None], ...] = (
            self.filters,
            self.power,
            self.window,
            self.transform,
            self.details,
        )
        for turn in range(MAX_ROUNDS):
            before = self.score
            for step in steps:
                step()
                if self.is_solved:
                    self.details()
                    return True
            if self.score > give_up_above:
                return False
            if turn == 0:
                self.pre_emphasis()
            if turn == 0 and self.score > MAX_HANN_SHARE:
                self.try_other_windows()
            if turn and self.score > STALLED_SHARE * before:
                break
        return True

    def widen(self) -> bool:
        """Look at the quiet values too, and reckon with a constant under the logarithm; whether it
        is worth going on.
        """
        if self.evidence.is_narrow:
            self.evidence.widen()
            self.evidence.mask_rounded_values(self.best)
            self.update_score()
        if (
            self.is_solved
            or self.score > MAX_FLOORED_SHARE
            or self.evidence.added_floor is not None
        ):
            return False
        for root in {self.best.inside_root, 0.0}:  # what is added under the root looks much like it
            definition = replace(self.best, inside_root=root)
            if self.evidence.add_floor(definition, self.score):
                self.best = definition
                self.update_score()
                return True
        self.update_score()
        return False

    def refine_floor(self) -> None:
        """Measure the constant under the logarithm anew, where one is reckoned with."""
        if self.evidence.added_floor is not None:
            self.evidence.refine_floor(self.best)
            self.update_score()

    def try_other_windows(self) -> None:
        """Shapes of window other than Hann's, each with the lengths around the best."""
        d = self.best
        lengths = [win for win in grid.list_windows(d.sample_rate, d.hop) if 0.5 < win / d.win < 2]
        self.offer_changes(self._iter_window_changes(lengths))

    def _iter_window_changes(self, lengths: Iterable[int]) -> Iterator[dict[str, Any]]:
        for window, win in product(grid.WINDOWS[1:], lengths):
            for changes in self._iter_placements(win, grid.list_transforms(win)[0]):
                yield {"window": window, **changes}

    def filters(self) -> None:
        """Scale and edges: some of the lowest with all of the highest, then all of the lowest."""
        rate = self.best.sample_rate
        common_edges = (0.0, 50.0, 100.0)
        self.offer_changes(
            {"scale": scale, "fmin": low, "fmax": high}
            for scale, high, low in product(
                ("slaney", "htk"), grid.list_upper_edges(rate), common_edges
            )
        )
        for _ in range(2):
            self.offer_changes(
                {"fmin": low, "scale": scale}
                for low, scale in product(grid.LOWEST_HZ, ("slaney", "htk"))
            )
            if not self.offer_changes({"fmax": high} for high in grid.list_upper_edges(rate)):
                break

    def window(self) -> None:
        """Length of the window and what is padded, the transform as long as the window or the next
        power of two.

        Hann's shape is tried again with every length: a wrong length is best hidden by a wrong
        shape.
        """
        self.offer_changes(self._iter_length_changes(self.best))

    def _iter_length_changes(self, d: MelDefinition) -> Iterator[dict[str, Any]]:
        lengths = grid.list_windows(d.sample_rate, d.hop)
        for shape, win in product({d.window, "hann"}, lengths):
            transforms = grid.list_transforms(win)
            power_of_two = next(size for size in transforms if size & (size - 1) == 0)
            for n_fft in {transforms[0], power_of_two}:
                for changes in self._iter_placements(win, n_fft):
                    yield {**changes, "window": shape}

    def transform(self) -> None:
        """Length of the transform for this window."""
        win = self.best.win
        placements = (self._iter_placements(win, n_fft) for n_fft in grid.list_transforms(win))
        self.offer_changes(chain.from_iterable(placements))

    def _iter_placements(self, win: int, n_fft: int) -> Iterable[dict[str, Any]]:
        for padding in grid.PADDINGS:
            if padding == "hop" and n_fft < self.best.hop:
                continue
            changes = {"win": win, "n_fft": n_fft, "padding": padding}
            definition = replace(self.best, **changes)  # type: ignore[arg-type]
            if (
                abs(first_frame_seconds(definition) - self.timing.first_seconds)
                <= MAX_PLACE_SECONDS
            ):
                yield changes

    def power(self) -> None:
        """Magnitude or power."""
        self.offer_changes({"power": power, "inside_root": 0.0} for power in (1, 2))

    def pre_emphasis(self) -> None:
        """A first-order high-pass before all else, which scales each band by nearly one factor."""
        self.offer_changes({"pre_emphasis": value} for value in grid.PRE_EMPHASES)

    def details(self) -> None:
        """Shape of the window, hop, and what is added under the root."""
        self.offer_changes({"window": window} for window in grid.WINDOWS)
        self.offer_changes(
            {"hop": self.best.hop + step} for step in (-1, 1) if self.best.hop + step > 0
        )
        if self.best.power == 1:
            self.offer_changes({"inside_root": value} for value in grid.INSIDE_ROOTS)
            if (
                ROUNDING_SHARE < self.score < MAX_FLOORED_SHARE
                and self.evidence.added_floor is None
            ):
                self.search_root()

    def search_root(self) -> None:
        """A constant under the root that is on no list, as it comes to be where the samples had
        another gain.
        """
        from scipy.optimize import minimize_scalar

        start = self.best
        least = min(
            np.arange(-12.0, -4.0, 0.5),
            key=lambda x: self.evidence.unexplained(replace(start, inside_root=10.0**x)),
        )
        optimum = minimize_scalar(
            lambda x: self.evidence.unexplained(replace(start, inside_root=10.0**x)),
            bounds=(least - 0.5, least + 0.5),
            method="bounded",
            options={"xatol": 1e-6},
        )
        if optimum.fun < MAX_SHARE_OF_ROUND * self.score:
            self._keep_if_better(replace(start, inside_root=float(10.0**optimum.x)))

    def refine_edges(self) -> None:
        """Edges of the filters that are on no list, to the hertz."""
        for step in FINE_STEPS_HZ:
            for _ in range(8):
                d = self.best
                nyquist = (d.filter_rate or d.sample_rate) / 2
                moves = [
                    {"fmax": d.fmax + side}
                    for side in (-step, step)
                    if d.fmin < d.fmax + side <= nyquist
                ]
                moves += [
                    {"fmin": d.fmin + side}
                    for side in (-step, step)
                    if 0 <= d.fmin + side < d.fmax / 2
                ]
                if not self.offer_changes(moves) or self.is_solved:
                    break

    def sizes(self) -> None:
        """Windows that are on no list, to the sample."""
        for step in (64, 16, 4, 1):
            for _ in range(6):
                d = self.best
                is_tied = d.n_fft == d.win
                moves: list[dict[str, Any]] = []
                for side, root in product((-step, step), {d.inside_root, 0.0}):
                    win = d.win + side
                    if win >= 64 and (is_tied or win <= d.n_fft):
                        n_fft = win if is_tied else d.n_fft
                        moves.append({"win": win, "n_fft": n_fft, "inside_root": root})
                if not self.offer_changes(moves) or self.is_solved:
                    break


def first_frame_seconds(definition: MelDefinition) -> float:
    """The middle of the first frame."""
    middle = count_frame_samples(definition) / 2
    return (middle - count_padding(definition)) / definition.sample_rate
