"""Losses, the balancer, the start as a transform, the monitor, the config, the log."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from auscult.errors import UsageError  # noqa: E402
from auscult.training.codec.balancer import Balancer  # noqa: E402
from auscult.training.codec.config import TrainConfig  # noqa: E402
from auscult.training.codec.initial import build_lapped_basis, start_codec  # noqa: E402
from auscult.training.codec.losses import CodecLosses, commitment_loss, waveform_loss  # noqa: E402
from auscult.training.codec.monitor import CodecMonitor  # noqa: E402
from auscult.training.codec.segments import Segments  # noqa: E402
from auscult.training.codec.speech import read_speech, set_level  # noqa: E402
from auscult.training.codec.validate import compute_perplexity, compute_scores  # noqa: E402
from auscult.training.critics import SoundCritics  # noqa: E402
from auscult.training.journal import Journal, draw_spectrogram  # noqa: E402
from auscult.training.recordings import Speech  # noqa: E402
from tests.training.codec.small import CODEC, RATE, speech, tones  # noqa: E402


def noise(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [1, 4, 16, 80])
def test_the_lapped_transform_gives_the_signal_back(size: int) -> None:
    basis = build_lapped_basis(size)
    signal = noise(1, 1, size * 9)
    coefficients = torch.nn.functional.conv1d(signal, basis[:, None], stride=size)
    again = torch.nn.functional.conv_transpose1d(coefficients, basis[:, None], stride=size)
    torch.testing.assert_close(
        again[..., size:-size], signal[..., size:-size], rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(basis @ basis.T, torch.eye(size), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("causal", "delay"), [(True, 16), (True, 48), (False, 0)])
def test_a_fresh_codec_is_nearly_that_transform(causal: bool, delay: int) -> None:
    torch.manual_seed(0)
    codec = start_codec(replace(CODEC, causal=causal, delay=delay), "lapped-transform")
    x = torch.from_numpy(tones(1.0, 0))[None, None]
    with torch.no_grad():
        y = codec.decoder(codec.encoder(codec.padded(x)))[..., delay:][..., : x.shape[-1]]
    assert compute_scores(x[0, 0].numpy(), y[0, 0].numpy(), RATE)["snr"] > 9


def test_a_codec_that_cannot_start_as_a_transform_says_why() -> None:
    with pytest.raises(UsageError, match="delay of 1 to 7 hops"):
        start_codec(replace(CODEC, delay=0), "lapped-transform")
    start_codec(replace(CODEC, delay=0), "random")


def test_one_neper_of_waveform_loss_is_8_7_db() -> None:
    x = noise(3, 1, 400)
    error = noise(3, 1, 400, seed=1)
    fall = float(waveform_loss(x + 0.3 * error, x) - waveform_loss(x + 0.3 * np.exp(-1) * error, x))
    assert fall == pytest.approx(1, abs=0.05)


def test_commitment_takes_away_what_straight_through_pushes_apart() -> None:
    """In a codec that keeps distances the gradient at the latent is then zero: it stays where it is."""
    x = noise(2, 1, 64)
    latent = x.clone().requires_grad_()
    code = (latent.detach() * 3).round() / 3
    output = latent + (code - latent).detach()
    waveform_loss(output, x).backward(retain_graph=True)
    pushed = latent.grad.clone()
    assert (
        float((pushed * (latent - code).detach()).sum()) < 0
    )  # a step against the gradient moves it away from its code
    distance = (latent - code).square().mean((1, 2))
    commitment_loss(output, x, x.square().mean(), distance).backward()
    assert latent.grad.abs().max() < 0.02 * pushed.abs().max()


def test_every_loss_hears_the_signal_and_is_least_on_the_target() -> None:
    losses = CodecLosses(RATE, mel=True, spectral=True)
    x = torch.from_numpy(tones(0.5, 1))[None, None]
    perfect, shifted, quiet = losses(x, x), losses(x.roll(40, -1), x), losses(0.5 * x, x)
    assert set(perfect) == {"waveform", "spectral", "mel"}
    for name in perfect:
        assert perfect[name] < min(shifted[name], quiet[name]), name


def test_balanced_terms_have_their_shares_of_the_gradient() -> None:
    balancer = Balancer(decay=0.5)
    for step in range(8):
        output = noise(2, 1, 50, seed=step).requires_grad_()
        terms = {"loud": 1e4 * output.square().mean(), "soft": 1e-4 * output.sum()}
        balancer.surrogate(terms, {"loud": 1.0, "soft": 3.0}, output).backward()
    loud, soft = output.detach() / output.detach().norm(), torch.ones(2, 1, 50) / 10
    shares = torch.linalg.lstsq(
        torch.stack([loud.flatten(), soft.flatten()], 1), output.grad.flatten()
    ).solution
    assert float(shares[1] / shares[0]) == pytest.approx(3, rel=0.1)
    again = Balancer(decay=0.5)
    again.restore(balancer.state())
    assert again.state().keys() == balancer.state().keys()


def test_critics_learn_to_tell_noise_from_tones() -> None:
    torch.manual_seed(0)
    critics = SoundCritics(4)
    optimizer = torch.optim.Adam(critics.parameters(), 3e-3)
    real, fake = (
        torch.from_numpy(np.stack([tones(0.3, seed) for seed in range(2)])),
        0.2 * noise(2, int(0.3 * RATE)),
    )
    first = float(critics(fake, real).detach())
    for _ in range(15):
        optimizer.zero_grad()
        loss = critics(fake, real)
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.5 * first
    terms = critics.generator_loss(fake.requires_grad_(), real)
    (terms["adversarial"] + terms["matching"]).backward()
    assert fake.grad.abs().max() > 0


def plain(output: Any, target: Any) -> dict[str, Any]:
    return {"waveform": waveform_loss(output, target)}


def healthy() -> tuple[Any, Any]:
    from auscult.training.codec.codebooks import Codebooks

    torch.manual_seed(0)
    codec = start_codec(CODEC, "lapped-transform")
    target = torch.from_numpy(np.stack([tones(0.5, seed) for seed in range(4)]))[:, None]
    Codebooks(codec.quantizer).start(codec.encoder(codec.padded(target)))
    return codec, target


def test_the_monitor_finds_nothing_in_a_healthy_codec() -> None:
    codec, target = healthy()
    look = CodecMonitor(RATE).look(codec, target, plain)
    assert look.diagnoses == []
    assert look.figures["gain"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "cause",
    ["codebook-collapse", "dc", "amplitude-conflict", "loss-blind", "gradient-scale"],
)
def test_the_monitor_names_a_planted_cause_at_the_second_look(cause: str) -> None:
    codec, target = healthy()
    terms: Any = plain
    if cause == "codebook-collapse":
        codec.quantizer.books[0].codes[1:] = 1e4
    elif cause == "dc":
        codec.decoder.stages[0].conv.bias.data += 0.3
    elif cause == "amplitude-conflict":
        codec.decoder.register_forward_hook(lambda _m, _i, output: 4 * output)
    elif cause == "loss-blind":
        terms = lambda output, target: {**plain(output, target), "mel": target.square().mean()}  # noqa: E731
    else:
        forward = codec.quantizer.forward
        codec.quantizer.forward = lambda latent, depths=None: _tripled(forward, latent, depths)
    monitor = CodecMonitor(RATE)
    looks = [monitor.look(codec, target, terms) for _ in range(2)]
    assert monitor.verdict(looks[0]) is None
    verdict = monitor.verdict(looks[1])
    assert verdict is not None
    assert verdict.cause == cause


def _tripled(forward: Any, latent: Any, depths: Any) -> Any:
    result = forward(latent, depths)
    return replace(result, values=result.values + 2 * (latent - latent.detach()))


def test_segments_depend_on_seed_and_step_alone_and_processes_share_them() -> None:
    segments = Segments(speech(), 500, seed=3)
    whole = segments.draw(7, 8)
    assert torch.equal(whole, Segments(speech(), 500, seed=3).draw(7, 8))
    assert not torch.equal(whole, segments.draw(8, 8))
    assert torch.equal(torch.cat([segments.draw(7, 8, rank, 4) for rank in range(4)]), whole)
    depths = segments.depths(7, 8, 5, 0.5)
    assert torch.equal(
        torch.cat([segments.depths(7, 8, 5, 0.5, rank, 2) for rank in range(2)]), depths
    )
    assert segments.depths(7, 8, 5, 0.0) is None
    with pytest.raises(UsageError, match="too little"):
        Segments(Speech((tones(0.1, 0),), (), (), RATE), 500, seed=0)


def test_a_folder_of_recordings_is_read_mixed_and_resampled(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few recordings"):
        read_speech(str(tmp_path), RATE, None, minutes=1, seed=0)
    for number in range(22):
        sound = np.stack([tones(0.2, number), np.zeros(int(0.2 * RATE), np.float32)], 1)
        soundfile.write(tmp_path / f"{number:02}.wav", sound, RATE if number else 2 * RATE)
    read = read_speech(str(tmp_path), RATE, -20.0, minutes=1, seed=0)
    assert (len(read.training), len(read.validation), len(read.held_out)) == (18, 2, 2)
    assert [name for name, _ in read.held_out] == ["01.wav", "21.wav"]
    assert [name for name, _ in read.validation] == ["00.wav", "20.wav"]
    assert len(read.validation[0][1]) == len(tones(0.2, 0)) // 2
    assert all(
        20 * np.log10(np.sqrt(np.mean(x**2))) == pytest.approx(-20, abs=0.01) for x in read.training
    )


def test_silence_keeps_its_level() -> None:
    assert set_level(np.zeros(9, np.float32), -20.0)[1] == 1.0


def test_figures_of_known_outputs() -> None:
    x = tones(1.0, 0)
    assert compute_scores(x, 0.5 * x, RATE)["snr"] == pytest.approx(6.02, abs=0.01)
    assert compute_scores(x, 0.5 * x, RATE)["rms_ratio"] == pytest.approx(0.5, abs=1e-4)
    assert compute_scores(x, x + 0.1, RATE)["dc"] == pytest.approx(0.1, abs=1e-4)
    assert compute_scores(x, -x, RATE)["correlation"] == pytest.approx(-1)
    even = torch.arange(64).reshape(1, 64) % 16
    assert compute_perplexity([even, even], 16) == [pytest.approx(1)]
    assert compute_perplexity([torch.zeros(1, 9, dtype=torch.long)], 16) == [pytest.approx(1 / 16)]


def test_the_config_survives_json_and_refuses_what_it_does_not_have() -> None:
    config = TrainConfig(codec=CODEC, steps=9)
    assert TrainConfig.from_dict(json.loads(config.to_json())) == config
    with pytest.raises(UsageError, match="no such field"):
        TrainConfig.from_dict({"stepz": 3})
    with pytest.raises(UsageError, match="no such field"):
        TrainConfig.from_dict({"codec": {"hopp": 3}})


def test_the_log_drops_what_is_about_to_be_done_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tensorboard=False)
    for step in (1, 2, 3):
        journal.line({"step": step, "loss": 1 / 3})
    journal.line({"step": 2, "held_out": {"snr": 9.0}})
    journal.path.write_text(journal.path.read_text() + '{"step": 4, "lo')
    again = Journal(tmp_path, step=2, tensorboard=False)
    assert [json.loads(line)["step"] for line in again.path.read_text().splitlines()] == [1, 2]
    assert json.loads(again.path.read_text().splitlines()[0])["loss"] == 0.3333


def test_tensorboard_gets_scalars_sound_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    journal = Journal(tmp_path)
    journal.line({"step": 1, "loss": 0.5, "held_out": {"snr": 3.0, "perplexity": [0.5, 0.6]}})
    journal.sound("sentence", tones(0.2, 0), RATE, 1)
    journal.close()
    assert sum(path.stat().st_size for path in (tmp_path / "tensorboard").iterdir()) > 1000
    picture = draw_spectrogram(tones(0.2, 0))
    assert picture.shape[0] == 1
    assert 0 <= picture.min() < picture.max() == 1
