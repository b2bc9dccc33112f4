from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.errors import AudioError
from auscult.sound.mel import compress_mel, mel_units_per_decibel
from auscult.sound.mel_definition import MelDefinition


@pytest.mark.parametrize("log", ["ln", "log10", "db"])
@pytest.mark.parametrize("power", [1, 2])
def test_ten_times_the_magnitude_is_twenty_decibels(log: Any, power: Any) -> None:
    definition = MelDefinition(log=log, power=power)
    low, high = (
        compress_mel(np.array([[level**power]], np.float32), definition) for level in (0.1, 1.0)
    )
    assert float((high - low)[0, 0]) / mel_units_per_decibel(definition) == pytest.approx(
        20.0, rel=1e-5
    )


def test_no_decibels_without_a_logarithm() -> None:
    with pytest.raises(AudioError, match="decibels"):
        mel_units_per_decibel(MelDefinition(log="none"))
