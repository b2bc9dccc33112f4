"""Settle what weights cannot show: try the readings of a model and see which one gives back the mel
that went in.

The search knows nothing of models. It gets named choices with finite sets of values, and a `score`
that runs one assignment and returns how far the result is from the truth in every frame. All
combinations would be thousands of runs, so it descends one choice at a time from several starts,
then tries pairs of changes around the best, each choice's nearest other value, which catches two
choices that only help together.

How sure it is comes from a paired comparison on the same sound: the difference of two trials is
averaged over blocks of frames, and the margin is set against the scatter of the blocks. A best that
is hardly better than a stationary sound of the right colour settles nothing, however large its
margin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.facts.progress import Progress
from auscult.sound.mel_definition import Frames

Distances = NDArray[np.float64]
Score = Callable[[Mapping[str, Any]], Distances]

MAX_SHARE_OF_STATIONARY = 0.5
"""A reading counts as working when its distance is at most this share of that of a stationary sound
with the input's mean mel.

Chosen, not measured.
"""
HOPELESS_SHARE_OF_STATIONARY = 0.9
"""A best reading farther than this is not worth trying in pairs of changes.

Chosen, not measured.
"""
PAIR_RIVALS = 1
"""Nearest other values of each choice that are tried in pairs. Chosen, not measured."""
MIN_SIGMAS = 3.0
"""A choice is settled when its best value wins by this many standard errors of the paired
difference.

Chosen, not measured.
"""
BLOCK_SECONDS = 0.128
"""Neighbouring frames share samples and phonemes; blocks of this length are taken for independent.

Chosen, not measured.
"""


@dataclass(frozen=True, eq=False)
class Trial:
    """One assignment that was run.

    Attributes:
        values: The assignment, one value per choice.
        frames: Mean absolute log-mel difference of each frame; infinite where the output was not a
            number.
        label: The name of the reading where it is a known one.
        block: How many neighbouring frames are taken together for one independent observation.
    """

    values: Mapping[str, Any]
    frames: Distances
    label: str | None = None
    block: int = 8

    @property
    def distance(self) -> float:
        """Mean over the frames, in the unit of the log-mel."""
        return float(self.frames.mean())


@dataclass(frozen=True)
class SettledChoice:
    """What became of one choice.

    Attributes:
        value: In the best trial.
        runner_up: The best other value, all other choices equal.
        margin: How much farther the runner-up is, in the unit of the log-mel.
        sigmas: The margin over its standard error; 0 where the choice made no difference.
        settled: Whether that is enough.
    """

    field: str
    value: Any
    runner_up: Any
    margin: float
    sigmas: float
    settled: bool


@dataclass(frozen=True, eq=False)
class Settlement:
    """The outcome of a search.

    Attributes:
        trials: All that were run, best first; assignments that make no difference count as one.
        stationary: Distance of a stationary sound with the input's mean mel.
        works: Whether the best reading gives the input back at all; if not, nothing is settled.
        choices: What became of each choice; all unsettled if nothing works.
    """

    trials: tuple[Trial, ...]
    stationary: float
    works: bool
    choices: tuple[SettledChoice, ...] = field(default_factory=tuple)

    @property
    def best(self) -> Trial:
        return self.trials[0]

    @property
    def confidence(self) -> float:
        """Probability that the first is truly nearer than the second, from their paired difference;
        0 if nothing works.
        """
        if not self.works or len(self.trials) < 2:
            return 0.0
        return 0.5 * (1.0 + erf(sigmas_between(self.trials[0], self.trials[1]) / sqrt(2.0)))


def frame_distances(output: Frames, target: Frames) -> Distances:
    """Mean absolute difference of two log-mels [bands, frames] per frame of the target; a missing
    frame is infinitely far.
    """
    distances = np.full(target.shape[1], np.inf)
    frames = min(output.shape[1], target.shape[1])
    difference = np.abs(output[:, :frames].astype(np.float64) - target[:, :frames]).mean(axis=0)
    distances[:frames] = np.where(np.isfinite(difference), difference, np.inf)
    return distances


def stationary_distance(target: Frames) -> float:
    """Distance of the constant mel that comes nearest: every band at its median."""
    return float(
        np.abs(target.astype(np.float64) - np.median(target, axis=1, keepdims=True)).mean()
    )


def sigmas_between(first: Trial, second: Trial) -> float:
    """How many standard errors the second is farther than the first, frame against frame."""
    if not (np.isfinite(first.frames).all() and np.isfinite(second.frames).all()):
        if np.isfinite(first.distance):
            return 99.0
        return 0.0
    difference = second.frames - first.frames
    blocks = np.array(
        [
            block_differences.mean()
            for block_differences in np.array_split(
                difference, max(2, len(difference) // first.block)
            )
        ]
    )
    error = blocks.std(ddof=1) / sqrt(len(blocks))
    if error > 0:
        return float(min(blocks.mean() / error, 99.0))
    return 0.0


class _ChoiceSearch:
    """The trials so far."""

    def __init__(
        self,
        choices: Mapping[str, Sequence[Any]],
        score: Score,
        block: int,
        progress: Progress | None,
        expected: int,
    ) -> None:
        self.choices, self.score, self.block, self.progress, self.expected = (
            choices,
            score,
            block,
            progress,
            expected,
        )
        self.trials: dict[tuple[Any, ...], Trial] = {}

    def run(self, values: Mapping[str, Any], label: str | None = None) -> Trial:
        key = tuple(values[name] for name in self.choices)
        if key not in self.trials:
            self.trials[key] = Trial(dict(values), self.score(values), label, self.block)
            if self.progress:
                done = len(self.trials)
                self.progress(done, max(self.expected, done), "trying readings of the model")
        return self.trials[key]

    def changes(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every assignment that differs in one choice."""
        changed: list[dict[str, Any]] = []
        for name, options in self.choices.items():
            changed += [{**values, name: value} for value in options if value != values[name]]
        return changed

    def descend_by_choice(self, trial: Trial) -> Trial:
        """One choice at a time, each to its best value, until no single change helps."""
        while True:
            before = trial
            for name, options in self.choices.items():
                trial = min(
                    (self.run({**trial.values, name: value}) for value in options),
                    key=lambda t: t.distance,
                )
            if trial.distance >= before.distance:
                return before

    def rivals(self, trial: Trial) -> dict[str, list[Any]]:
        """The `PAIR_RIVALS` nearest other values of each choice, all other choices equal."""
        near: dict[str, list[Any]] = {}
        for name, options in self.choices.items():
            others = [
                self.run({**trial.values, name: value})
                for value in options
                if value != trial.values[name]
            ]
            near[name] = [
                other.values[name]
                for other in sorted(others, key=lambda t: t.distance)[:PAIR_RIVALS]
            ]
        return near

    def descend_in_pairs(self, trial: Trial) -> Trial:
        """`descend_by_choice`, then pairs of changes, until neither helps."""
        while True:
            trial = self.descend_by_choice(trial)
            rivals = self.rivals(trial)
            pair_trials: list[Trial] = []
            for a, b in combinations(rivals, 2):
                changes = product(rivals[a], rivals[b])
                pair_trials += [self.run({**trial.values, a: x, b: y}) for x, y in changes]
            better = min(pair_trials, key=lambda t: t.distance, default=trial)
            if better.distance >= trial.distance:
                return trial
            trial = better


def settle_choices(
    choices: Mapping[str, Sequence[Any]],
    starts: Mapping[str, Mapping[str, Any]],
    score: Score,
    target: Frames,
    *,
    block: int = 8,
    progress: Progress | None = None,
) -> Settlement:
    """Rank the readings of a model by how well they give the target mel back.

    Args:
        choices: Values to be tried, by field; values must be hashable.
        starts: Known complete assignments, by name; the descent starts from the best two.
        score: Runs an assignment and returns the distance of every frame (`frame_distances`).
        target: The log-mel [bands, frames] that went in.
        block: Frames in `BLOCK_SECONDS`.
    """
    singles = sum(len(options) - 1 for options in choices.values())
    search = _ChoiceSearch(
        choices, score, block, progress, len(starts) + 3 * singles + singles * singles // 2
    )
    start_trials = sorted(
        (search.run(values, label) for label, values in starts.items()),
        key=lambda trial: trial.distance,
    )
    descended_trials = [search.descend_by_choice(trial) for trial in start_trials[:2]]
    best_trial = min(descended_trials, key=lambda trial: trial.distance)
    stationary = stationary_distance(target)
    if best_trial.distance <= HOPELESS_SHARE_OF_STATIONARY * stationary:
        best_trial = search.descend_in_pairs(best_trial)
    neighbours = [search.run(values) for values in search.changes(best_trial.values)]
    works = bool(best_trial.distance <= MAX_SHARE_OF_STATIONARY * stationary)
    settled_choices = tuple(
        _judge_choice(name, best_trial, neighbours, works=works)
        for name in choices
        if len(choices[name]) > 1
    )
    return Settlement(
        _drop_equal_trials(search.trials.values()), stationary, works, settled_choices
    )


def _judge_choice(
    name: str, best_trial: Trial, neighbours: Sequence[Trial], *, works: bool
) -> SettledChoice:
    """The best value of a choice against its nearest rival, all other choices equal."""
    rivals = [trial for trial in neighbours if trial.values[name] != best_trial.values[name]]
    rival = min(rivals, key=lambda trial: trial.distance)
    sigmas = sigmas_between(best_trial, rival)
    margin = rival.distance - best_trial.distance
    return SettledChoice(
        name,
        best_trial.values[name],
        rival.values[name],
        margin,
        sigmas,
        works and sigmas >= MIN_SIGMAS,
    )


def _drop_equal_trials(trials: Sequence[Trial] | Any) -> tuple[Trial, ...]:
    """Best first; of trials with the very same distances only one, a named one if there is one."""
    distinct_trials: list[Trial] = []
    for trial in sorted(trials, key=lambda t: (t.distance, t.label is None)):
        is_same = distinct_trials and np.array_equal(distinct_trials[-1].frames, trial.frames)
        if not is_same:
            distinct_trials.append(trial)
        elif trial.label and not distinct_trials[-1].label:
            distinct_trials[-1] = trial
    return tuple(distinct_trials)
