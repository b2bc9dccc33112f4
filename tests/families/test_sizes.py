"""Numbers of tensors and values that the signatures' formulas give, against published ones."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import pytest

from auscult import families
from auscult.families.bigvgan.config import PUBLISHED as BIGVGAN
from auscult.families.chatterbox_s3gen.config import Config as S3gen
from auscult.families.chatterbox_t3.config import TURBO
from auscult.families.chatterbox_t3.config import Config as T3Config
from auscult.families.codehifigan.config import Config as Code
from auscult.families.dac.signature import Config as Dac
from auscult.families.encodec.signature import Config as Encodec
from auscult.families.hifigan.config import V1, V2, V3
from auscult.families.mimi.signature import Config as Mimi
from auscult.families.stable_audio.config import Config as StableAudio
from auscult.families.streamspeech_grc_lora.config import Config as GrcLora
from auscult.families.streamspeech_modified.config import Config as Modified
from auscult.families.vocos.config import PUBLISHED as VOCOS

PUBLISHED = [
    ("hifigan", V1, 234, 13_936_130),
    ("hifigan", V2, 234, 928_514),
    ("hifigan", V3, 69, 1_464_322),
    ("codehifigan", Code(), 302, 13_485_443),
    ("bigvgan", BIGVGAN["v2, 24 kHz, 100 bands"], 783, 112_448_905),
    ("bigvgan", BIGVGAN["v2, 22 kHz, 80 bands"], 783, 112_233_865),
    ("bigvgan", BIGVGAN["v2, 44 kHz, 128 bands"], 783, 122_187_145),
    ("bigvgan", BIGVGAN["v1, 24 kHz, 100 bands"], 784, 112_448_906),
    ("vocos", VOCOS["mel, 24 kHz"], 83, 13_584_998),
    ("vocos", VOCOS["encodec, 24 kHz"], 82, 10_082_690),
    ("encodec", Encodec(), 252, 23_273_218),
    ("encodec", Encodec(audio_channels=2, norm="time_group_norm", books=16), 224, 19_066_998),
    ("dac", Dac(), 301, 76_651_890),
    (
        "dac",
        Dac(encoder_kernels=(4, 8, 10, 16), decoder_kernels=(16, 10, 8, 4), books=32),
        462,
        74_708_706,
    ),
    (
        "dac",
        Dac(encoder_kernels=(4, 8, 10, 16), decoder_kernels=(16, 10, 8, 4), books=12),
        322,
        74_175_906,
    ),
    ("mimi", Mimi(), 350, 96_151_393),
    ("stable-audio", StableAudio(), 750, 497_239_458),
    ("chatterbox-s3gen", S3gen(), 2490, 264_042_193),
    ("chatterbox-t3", T3Config(), 292, 532_405_248),
    ("chatterbox-t3", TURBO, 299, 478_862_755),
    ("streamspeech-modified", Modified(), 94, 13_656_961),
    ("streamspeech-grc-lora", GrcLora(), 394, 5_354_710),
]


@pytest.mark.parametrize(("family", "config", "tensors", "values"), PUBLISHED)
def test_a_plan_has_the_published_size(family: str, config: Any, tensors: int, values: int) -> None:
    plan = families.signature(family).plan(config)
    plan = {
        name: planned
        for name, planned in plan.items()
        if not (planned.optional and name.endswith("stft_window"))
    }
    pairs = [planned for planned in plan.values() if planned.weight_norm]
    assert len(plan) + len(pairs) == tensors
    assert (
        sum(prod(planned.shape) for planned in plan.values())
        + sum(planned.shape[0] for planned in pairs)
        == values
    )


@pytest.mark.parametrize("family", families.list_families())
def test_every_signature_keeps_the_contract(family: str) -> None:
    signature = families.signature(family)
    assert signature.EVIDENCE
    package = families.import_family(family)
    assert package.__doc__
    assert package.ANCHORS
    for name in ("infer", "plan", "expected", "transposed", "undetermined", "variant"):
        assert getattr(signature, name).__doc__, name


@pytest.mark.parametrize(("family", "config"), [(row[0], row[1]) for row in PUBLISHED])
def test_a_plan_is_detected_as_what_it_was_planned_from(family: str, config: Any) -> None:
    detection = families.detect_families(families.signature(family).expected(config))[0]
    assert (detection.family, detection.score) == (family, 1.0)
    assert detection.config == config


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("hifigan", V3),
        ("codehifigan", Code()),
        ("streamspeech-modified", Modified()),
        ("streamspeech-grc-lora", GrcLora()),
    ],
)
def test_a_runnable_family_declares_what_its_weights_leave_open(family: str, config: Any) -> None:
    signature: Any = families.signature(family)
    for choice in signature.choices(config):
        assert choice.default in choice.values
        assert len(set(choice.values)) == len(choice.values)
        assert choice.meaning
        for value in choice.values:
            assert signature.expected(
                replace(config, **{choice.field: value})
            ) == signature.expected(config)
    rates = {choice.field: choice.values for choice in signature.choices(config, hop=config.hop)}[
        "upsample_rates"
    ]
    assert config.upsample_rates in rates
    assert all(prod(row) == config.hop for row in rates)
    assert signature.variants(config)[0].config == config
    assert dict(signature.undetermined(config)) == {
        choice.field: choice.values for choice in signature.choices(config)
    }
