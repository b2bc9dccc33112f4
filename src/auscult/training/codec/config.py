"""Everything about a training run that can be chosen, in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from auscult.families.codec.config import Config
from auscult.training.settings import GeneratorTrainConfig, check_fields

Start = Literal["lapped-transform", "random"]


@dataclass(frozen=True)
class TrainConfig(GeneratorTrainConfig):
    """The defaults train the Telugu codec that comes with the package."""

    codec: Config = field(default_factory=Config)
    data: str = "telugu"  # a folder of audio, or `telugu` for speech that espeak-ng makes
    minutes: float = 60.0  # of Telugu
    out: str = "codec"  # folder of the checkpoints and the log

    steps: int = 800
    batch: int = 16  # segments, of all processes together
    learning_rate: float = 8e-4
    warmup: int = 50  # steps
    decay_share: float = (
        0.5  # the last share of the steps, over which the rate falls along a cosine
    )
    clip: float = 1.0  # largest norm of the gradient
    start: Start = (  # or random weights; only a codec that reads the waveform with one stride can start as one
        "lapped-transform"
    )

    waveform_weight: float = (
        1.0  # logarithm of the error's power in each segment: half of it is SNR in nepers
    )
    spectral_weight: float = 0.02  # multi-resolution STFT
    mel_weight: float = 0.0  # multi-scale log-mel
    commitment_weight: float = 1.0
    adversarial_weight: float = 0.0  # critics take part where it is above zero
    matching_weight: float = 0.0
    critic_start: int = 0  # first step with critics
    balance: bool = (
        False  # weights are shares of the gradient at the output instead of factors of the losses
    )

    dropout: float = 0.0  # share of segments that use a random number of books
    codebook_decay: float = 0.98
    dead_share: float = 0.15  # codes used less than this share of the mean move elsewhere ...
    revive_until: float = 1.0  # ... up to this share of the steps

    evaluate_every: int = 100
    save_every: int = 100
    watch_every: int = 100  # steps between looks of the monitor

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The reverse of `to_dict`; fields may be absent.

        Raises:
            UsageError: If there is a field that the config does not have.
        """
        codec = check_fields(Config, values.get("codec", {}), "codec")
        other_fields = check_fields(
            cls,
            {name: value for name, value in values.items() if name != "codec"},
            "training config",
        )
        if "codec" in values:
            return cls(**other_fields, codec=Config(**codec))
        return cls(**other_fields)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1)
