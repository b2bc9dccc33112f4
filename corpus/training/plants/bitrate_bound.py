"""Figures that no codec reaches at this rate."""

from __future__ import annotations

from corpus.training.trainers import CODECS, Knobs, Shape, Trainer, build_trainer

CAUSE = "bitrate-bound"


def promised(shape: Shape, seed: int) -> Trainer:
    return {**build_trainer(Knobs(shape, seed)), "claims": {"snr_db": 38.0}}


def given_rate(shape: Shape, seed: int) -> Trainer:
    return {**build_trainer(Knobs(shape, seed)), "claims": {"snr_db": 20.0}, "bitrate": 2000}


VARIANTS = {"38 dB": (CODECS, promised), "20 dB at 2 kbit/s": (CODECS, given_rate)}
