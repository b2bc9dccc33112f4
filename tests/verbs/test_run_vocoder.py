"""`run vocoder`: a right vocoder passes, weights that are none do not, and every kind of file and input is understood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult import data, families
from auscult.checkpoint import open_checkpoint
from auscult.errors import UsageError
from auscult.families.bigvgan.config import Config as BigvganConfig
from auscult.families.codehifigan.config import Config as CodeConfig
from auscult.families.hifigan.config import Config as HifiganConfig
from auscult.families.vocos.config import Config as VocosConfig
from auscult.sound.recording import read_recording
from auscult.verbs.diagnose.family_build import build_family
from auscult.verbs.run.vocoder.vocoder import run_vocoder
from auscult.verdict import Verdict
from auscult.weights import Checkpoint

torch = pytest.importorskip("torch")

HIFIGAN = HifiganConfig(
    channels=(16, 8, 4),
    upsample_kernel_sizes=(16, 32),
    upsample_rates=(8, 32),
    resblock_kernel_sizes=(3,),
    dilations=((1, 3),),
    resblock="2",
)
"""Tiny, with HiFi-GAN's hop of 256; its second stride is not the usual half of its kernel."""


@pytest.fixture(scope="module")
def sentence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first second of the packaged sentence."""
    import soundfile

    path = tmp_path_factory.mktemp("sound") / "in.wav"
    recording = read_recording(data.path(data.SENTENCE)).cut(1.0)
    soundfile.write(path, recording.samples.T, recording.sample_rate)
    return path


def save_random(path: Path, family: str, config: Any, **more: Any) -> dict[str, Any]:
    """Random weights of a family under its own names."""
    import importlib

    package = families.import_family(family).__name__
    torch.manual_seed(0)
    module = importlib.import_module(f"{package}.torch").build(config)
    state = {**module.state_dict(), **more}
    torch.save(state, path)
    return state


def write_json(path: Path, values: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(values))
    return path


def test_a_trained_vocoder_gives_the_mel_back(tmp_path: Path, sentence: Path) -> None:
    saved = tmp_path / "settled.json"
    report = run_vocoder(
        data.path(data.VOCODER),
        tmp_path / "out.wav",
        audio=sentence,
        settle=False,
        save_config=saved,
    )
    assert report.verdict is Verdict.PASS
    assert not report.findings
    run = report.extra["run"]
    assert run["family"] == "streamspeech-modified"
    assert run["mel"]["hop"] == 64
    assert run["mel_return"]["distance"] < 0.3 * run["mel_return"]["stationary_distance"]
    assert read_recording(tmp_path / "out.wav").seconds == pytest.approx(1.0, abs=0.01)
    again = run_vocoder(
        data.path(data.VOCODER), tmp_path / "again.wav", audio=sentence, config=saved
    )
    assert again.extra["run"]["mel_return"] == run["mel_return"]
    first, second = (read_recording(tmp_path / f"{name}.wav") for name in ("out", "again"))
    np.testing.assert_array_equal(first.samples, second.samples)


def test_a_wrong_setting_is_no_pass(tmp_path: Path, sentence: Path) -> None:
    """The substitute that loads every tensor: no norm, no dilation, plain ReLU."""
    config = write_json(
        tmp_path / "wrong.json",
        {
            "family": "streamspeech-modified",
            "config": {"norm": "none", "slope": 0.0, "dilations": [1, 1, 1]},
        },
    )
    report = run_vocoder(
        data.path(data.VOCODER), tmp_path / "out.wav", audio=sentence, config=config
    )
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "does not come back" in report.findings[0].message


def test_random_weights_are_inconclusive_and_what_they_leave_open_is_told(
    tmp_path: Path, sentence: Path
) -> None:
    save_random(tmp_path / "g.pth", "hifigan", HIFIGAN)
    report = run_vocoder(tmp_path / "g.pth", tmp_path / "out.wav", audio=sentence, settle=False)
    assert report.verdict is Verdict.INCONCLUSIVE
    run = report.extra["run"]
    assert (run["family"], run["mel"]["hop"]) == ("hifigan", 256)
    assert np.prod(run["config"]["upsample_rates"]) == 256


def test_a_config_beside_the_weights_wins(tmp_path: Path, sentence: Path) -> None:
    save_random(tmp_path / "g.pth", "hifigan", HIFIGAN)
    stated = {
        "resblock": "2",
        "upsample_rates": [8, 32],
        "resblock_dilation_sizes": [[1, 3]],
        "num_mels": 80,
        "n_fft": 1024,
        "hop_size": 256,
        "win_size": 1024,
        "sampling_rate": 24000,
        "fmin": 0,
        "fmax": None,
    }
    write_json(tmp_path / "config.json", stated)
    report = run_vocoder(tmp_path / "g.pth", tmp_path / "out.wav", audio=sentence)
    run = report.extra["run"]
    assert tuple(run["config"]["upsample_rates"]) == (8, 32)
    assert run["config"]["dilations"] == ((1, 3),)
    assert (run["sample_rate"], run["mel"]["fmax"], run["mel"]["log"]) == (24000, 12000.0, "ln")
    assert "settlement" not in run


def test_a_config_of_a_known_trainer_also_states_the_logarithm(
    tmp_path: Path, sentence: Path
) -> None:
    """coqui's audio settings: decibels, where HiFi-GAN's own code has the natural logarithm."""
    save_random(tmp_path / "g.pth", "hifigan", HIFIGAN)
    audio = {"sample_rate": 22050, "fft_size": 1024, "hop_length": 256, "win_length": 1024}
    more = {"num_mels": 80, "mel_fmin": 0, "mel_fmax": 8000, "log_func": "np.log10"}
    stated = {
        "audio": {**audio, **more, "spec_gain": 20, "signal_norm": False},
        "upsample_rates": [8, 32],
    }
    write_json(tmp_path / "config.json", stated)
    run = run_vocoder(tmp_path / "g.pth", tmp_path / "out.wav", audio=sentence).extra["run"]
    assert (run["mel"]["log"], run["mel"]["hop"], run["sample_rate"]) == ("db", 256, 22050)


def test_a_config_of_another_model_is_refused(tmp_path: Path, sentence: Path) -> None:
    save_random(tmp_path / "g.pth", "hifigan", HIFIGAN)
    write_json(tmp_path / "config.json", {"upsample_rates": [8, 8, 2, 2]})
    with pytest.raises(UsageError, match="does not fit the weights"):
        run_vocoder(tmp_path / "g.pth", tmp_path / "out.wav", audio=sentence)


def test_units_are_spoken_with_their_durations(tmp_path: Path) -> None:
    config = CodeConfig(
        mel_bins=8,
        unit_dim=8,
        units=20,
        duration_hidden=4,
        channels=(8, 4),
        upsample_kernel_sizes=(8,),
        upsample_rates=(4,),
        resblock_kernel_sizes=(3,),
        dilations=((1, 3, 5),),
    )
    state = save_random(tmp_path / "unit.pt", "codehifigan", config)
    state["dur_predictor.proj.weight"].zero_()
    state["dur_predictor.proj.bias"].fill_(float(np.log(4.0)))  # three frames a unit
    torch.save(state, tmp_path / "unit.pt")
    units = tmp_path / "units.txt"
    units.write_text("3 1 4 1 5 9 2 6 5 3 5")
    report = run_vocoder(tmp_path / "unit.pt", tmp_path / "out.wav", units=units)
    assert report.verdict is Verdict.PASS
    assert [skip.where for skip in report.skips] == ["mel"]
    assert read_recording(tmp_path / "out.wav").samples.shape == (1, 11 * 3 * 4)
    units.write_text("3 1 25")
    with pytest.raises(UsageError, match="units \\[time\\] below 20"):
        run_vocoder(tmp_path / "unit.pt", tmp_path / "out.wav", units=units)
    with pytest.raises(UsageError, match="codehifigan speaks units"):
        run_vocoder(tmp_path / "unit.pt", tmp_path / "out.wav", audio=units)


def test_encodec_codes_are_spoken(tmp_path: Path) -> None:
    config = VocosConfig(
        inputs=6,
        width=8,
        hidden=16,
        layers=2,
        n_fft=32,
        hop_length=8,
        bandwidths=4,
        codebook_rows=2048,
        mel_n_fft=0,
        padding="same",
    )
    save_random(tmp_path / "vocos.bin", "vocos", config)
    np.save(tmp_path / "codes.npy", np.arange(60).reshape(1, 2, 30))
    report = run_vocoder(tmp_path / "vocos.bin", tmp_path / "out.wav", units=tmp_path / "codes.npy")
    assert report.verdict is Verdict.PASS
    assert report.extra["run"]["seconds"] == pytest.approx(30 * 8 / 24000)


def test_a_mel_file_is_spoken_in_either_orientation(tmp_path: Path) -> None:
    config = BigvganConfig(
        mel_bins=100,
        channels=(8, 4),
        upsample_kernel_sizes=(512,),
        upsample_rates=(256,),
        resblock_kernel_sizes=(3,),
        post_bias=True,
        final_tanh=True,
    )
    save_random(tmp_path / "big.pth", "bigvgan", config)
    mel = np.random.default_rng(0).standard_normal((100, 20)).astype(np.float32) - 5
    outputs = []
    for name, values in (("bands", mel), ("frames", mel.T)):
        np.save(tmp_path / f"{name}.npy", values)
        run_vocoder(
            tmp_path / "big.pth",
            tmp_path / f"{name}.wav",
            mel=tmp_path / f"{name}.npy",
            definition="bigvgan",
            settle=False,
        )
        outputs.append(read_recording(tmp_path / f"{name}.wav").samples)
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert outputs[0].shape == (1, 20 * 256)


def test_a_generator_inside_a_larger_model_is_found(tmp_path: Path, sentence: Path) -> None:
    """As Chatterbox keeps HiFT in S3Gen; its noise is that of the seed."""
    from dataclasses import replace

    from auscult.families.hift import torch as hift
    from auscult.families.hift.config import tiny

    torch.manual_seed(0)
    state = hift.build(replace(tiny(), mel_bins=80)).state_dict()
    whole = {f"mel2wav.{name}": tensor for name, tensor in state.items()}
    torch.save({**whole, "flow.other.weight": torch.zeros(3, 3)}, tmp_path / "s3gen.pt")
    outputs = []
    for run, seed in enumerate((0, 0, 1)):
        path = tmp_path / f"{run}.wav"
        report = run_vocoder(tmp_path / "s3gen.pt", path, audio=sentence, settle=False, seed=seed)
        outputs.append(read_recording(path).samples)
    assert report.extra["run"]["family"] == "hift"
    assert (report.extra["run"]["sample_rate"], report.extra["run"]["mel"]["hop"]) == (24000, 480)
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


def test_an_output_of_no_numbers_is_divergent(tmp_path: Path, sentence: Path) -> None:
    state = save_random(tmp_path / "g.pth", "hifigan", HIFIGAN)
    state["conv_post.bias"].fill_(float("nan"))
    torch.save(state, tmp_path / "g.pth")
    report = run_vocoder(tmp_path / "g.pth", tmp_path / "out.wav", audio=sentence, settle=False)
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].cause == "non-finite-sound"


@pytest.mark.parametrize("fork", ["ParallelWaveGAN", "SpeechBrain"])
def test_other_projects_names_are_read(fork: str) -> None:
    import re

    from auscult.families.hifigan import torch as hifigan

    state = hifigan.build(HIFIGAN).state_dict()
    patterns: tuple[tuple[str, str], ...]
    if fork == "ParallelWaveGAN":
        patterns = (
            (r"^conv_pre", "input_conv"),
            (r"^ups\.(\d)", r"upsamples.\1.1"),
            (r"^resblocks\.(\d)\.convs\.(\d)", r"blocks.\1.convs1.\2.1"),
            (r"^conv_post", "output_conv.1"),
        )
    else:
        patterns = ((r"\.(weight|bias)$", r".conv.\1"),)
    renamed = {}
    for name, tensor in state.items():
        fork_name = name
        for pattern, replacement in patterns:
            fork_name = re.sub(pattern, replacement, fork_name)
        renamed[fork_name] = tensor.numpy()
    family_build = build_family(Checkpoint.of(renamed), among=("hifigan",))
    assert family_build.fork is not None
    assert family_build.fork.name == fork
    assert set(family_build.weights) == set(state)
    expected = {"ParallelWaveGAN": ("zeros", True), "SpeechBrain": ("reflect", False)}[fork]
    config = family_build.detection.config
    assert (config.padding_mode, config.even_upsampling) == expected


def test_the_familys_own_names_are_no_forks() -> None:
    checkpoint = open_checkpoint(data.path(data.VOCODER))
    assert build_family(checkpoint).fork is None


def test_without_the_asked_device_it_says_so(tmp_path: Path, sentence: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match=r"no NVIDIA GPU here.*--device cpu"):
        run_vocoder(data.path(data.VOCODER), tmp_path / "out.wav", audio=sentence, device="cuda")


def test_two_sources_are_refused(tmp_path: Path, sentence: Path) -> None:
    with pytest.raises(UsageError, match="needs one thing to speak"):
        run_vocoder(data.path(data.VOCODER), tmp_path / "o.wav", audio=sentence, mel=sentence)
