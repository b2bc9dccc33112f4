"""The codec that comes with the package: its figures, as the file, its log and the guide give them, and as measured here."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("espeakng_loader")

from auscult import families  # noqa: E402
from auscult.families.codec.storage import read_codec  # noqa: E402
from auscult.training.codec.release import speak_held_out  # noqa: E402
from auscult.training.codec.validate import evaluate_codec, reconstruct_samples  # noqa: E402

DATA = Path(str(files("auscult.data")))
GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "train-a-codec.md"


@pytest.fixture(scope="module")
def package() -> tuple[Any, dict[str, Any]]:
    return read_codec(DATA / "codec.safetensors")


def test_the_file_is_small_and_reaches_its_goals(package: tuple[Any, dict[str, Any]]) -> None:
    _, about = package
    figures = about["held_out"]
    assert (DATA / "codec.safetensors").stat().st_size <= 8e6
    assert figures["snr"] >= 15
    assert 0.95 <= figures["rms_ratio"] <= 1.0
    assert min(figures["perplexity"]) > 0.6
    assert figures["bits_per_second"] <= 16000
    assert figures["snr"] < figures["bound_db"]


def test_the_figures_can_be_measured_again(package: tuple[Any, dict[str, Any]]) -> None:
    codec, about = package
    speech = speak_held_out(codec.config.sample_rate, codec.config.level)[::9]
    again = evaluate_codec(codec, speech)
    assert again["snr"] == pytest.approx(about["held_out"]["snr"], abs=1.0)
    assert float(again["bits_per_second"]) <= 16000  # type: ignore[arg-type]
    assert 0.95 <= float(again["rms_ratio"]) <= 1.0  # type: ignore[arg-type]


def test_it_is_detected_and_mlx_gives_the_same_sound(package: tuple[Any, dict[str, Any]]) -> None:
    codec, _ = package
    state = codec.state_dict()
    detection = families.detect_families(
        {name: tuple(value.shape) for name, value in state.items()}
    )[0]
    assert (detection.family, detection.score, detection.variant) == ("codec", 1.0, "telugu")
    mx = pytest.importorskip("mlx.core")
    from auscult.families.codec import mlx

    module = mlx.build(codec.config)
    mlx.load(module, {name: value.numpy() for name, value in state.items()})
    x = speak_held_out(codec.config.sample_rate, codec.config.level)[0][1][:16000]
    with torch.inference_mode():
        codes = codec.encode(torch.from_numpy(x)[None, None], fit=True)
        expected = codec.decode(codes)[0, 0].numpy()
    found = np.asarray(module.decode(mx.array(codes.numpy())))[0, :, 0]
    assert np.abs(found - expected).max() < 1e-4
    assert len(reconstruct_samples(codec, x)) == len(x)


def test_the_log_and_the_guide_say_what_the_file_says(package: tuple[Any, dict[str, Any]]) -> None:
    _, about = package
    log = [json.loads(line) for line in (DATA / "codec.train.jsonl").read_text().splitlines()]
    assert max(entry.get("step", 0) for entry in log) == about["step"]
    figures, text = about["held_out"], GUIDE.read_text()
    for said in (
        f"**{figures['snr']:.2f} dB**",
        f"{figures['bound_db']:.1f} dB",
        f"RMS ratio {figures['rms_ratio']:.3f}",
        f"{min(figures['perplexity']):.1%}",
        f"{about['step']} steps",
    ):
        assert said in text, said


@pytest.mark.slow
def test_preflight_finds_nothing_in_the_package_s_training_and_the_causes_in_the_broken_one() -> (
    None
):
    from auscult.training.codec import targets
    from auscult.verbs.preflight import preflight

    assert [finding.cause for finding in preflight(targets.telugu()).findings] == []
    for made in (targets.broken_quantizer(), targets.broken_quantizer_with_tanh()):
        report = preflight(made)
        assert [finding.cause for finding in report.findings][:2] == [
            "codebook-collapse",
            "gradient-scale",
        ]
        assert not [skip.where for skip in report.skips if "precision" in skip.where]
