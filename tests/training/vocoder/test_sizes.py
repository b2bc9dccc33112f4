"""The network that is built for a mel definition."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from auscult.errors import UsageError
from auscult.sound.mel_search.families import FAMILIES
from auscult.training.vocoder.config import Family, VocoderTrainConfig
from auscult.training.vocoder.sizes import build_config, list_metadata, split_hop
from auscult.verbs.run.vocoder.stated_config import read_metadata_fields

HIFIGAN, VOCOS = FAMILIES["hifigan"].definition, FAMILIES["vocos"].definition


def test_every_family_fits_its_mel() -> None:
    family: Family
    for mel in (HIFIGAN, VOCOS, FAMILIES["chatterbox"].definition):
        for family in ("vocos", "hifigan"):
            config = build_config(family, mel, {})
            assert (config.mel_bins, config.hop) == (mel.n_mels, mel.hop)
    assert asdict(build_config("vocos", VOCOS, {}))["padding"] == "center"
    assert asdict(build_config("vocos", HIFIGAN, {}))["padding"] == "same"


def test_fields_of_the_network_can_be_set() -> None:
    config: Any = build_config("hifigan", HIFIGAN, {"dilations": ([1, 2], [1, 2], [1, 2])})
    assert config.dilations == ((1, 2), (1, 2), (1, 2))
    with pytest.raises(UsageError, match="does not fit the mel"):
        build_config("vocos", VOCOS, {"hop_length": 100})
    with pytest.raises(UsageError, match="colour"):
        build_config("vocos", VOCOS, {"colour": 1})


def test_strides_of_a_hop() -> None:
    assert split_hop(256) == (8, 8, 4)
    assert split_hop(480) == (8, 5, 4, 3)
    with pytest.raises(UsageError, match="no strides"):
        build_config("hifigan", replace(HIFIGAN, hop=154), {})


@pytest.mark.parametrize("family", ["vocos", "hifigan"])
def test_the_header_has_what_weights_do_not_show(family: Family) -> None:
    mel = replace(HIFIGAN, hop=300)
    changes = {} if family == "vocos" else {"final_tanh": False, "slope": 0.2}
    config: Any = build_config(family, mel, changes)
    blank = type(config)(
        **{}
        if family == "vocos"
        else {
            "upsample_rates": (1,) * len(config.upsample_rates),
            "dilations": ((0,) * 3,) * 3,
        }
    )
    stated = read_metadata_fields(list_metadata(config, mel), blank)
    for name in (
        ("hop_length", "padding")
        if family == "vocos"
        else ("upsample_rates", "dilations", "final_tanh", "slope")
    ):
        assert stated[name] == getattr(config, name)


def test_a_config_comes_back_from_its_dictionary() -> None:
    config = VocoderTrainConfig.from_dict({"family": "hifigan", "steps": 3})
    assert config.mel == HIFIGAN
    assert VocoderTrainConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UsageError, match="stepz"):
        VocoderTrainConfig.from_dict({"stepz": 3})
