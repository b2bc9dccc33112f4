"""Triples that contradict each other."""

from __future__ import annotations

from corpus.training.trainers import CODECS, SHAPES, Knobs, Shape, Trainer, build_trainer

CAUSE = "metrics-inconsistent"


def seeds_table(shape: Shape, seed: int) -> Trainer:
    return {**build_trainer(Knobs(shape, seed)), "claims": {"snr_db": -15.0, "rms_ratio": 1.4}}


def triple(shape: Shape, seed: int) -> Trainer:
    return {
        **build_trainer(Knobs(shape, seed)),
        "claims": {"snr_db": 12.0, "rms_ratio": 0.95, "correlation": 0.6},
    }


VARIANTS = {"ratio": (SHAPES, seeds_table), "triple": (CODECS, triple)}
