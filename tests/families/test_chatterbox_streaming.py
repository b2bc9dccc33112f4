"""Sound in chunks: the vocoder makes of a mel what it makes of the whole, and the flow's window does not grow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from auscult import rules  # noqa: E402
from auscult.families.chatterbox.open_runtime import tiny_runtime  # noqa: E402
from auscult.families.chatterbox.runtimes import ChatterboxRuntime  # noqa: E402
from auscult.families.chatterbox.stream import iter_chunks  # noqa: E402
from auscult.families.chatterbox_s3gen.streaming import Chunking, Drawn, Sounding, given, mels  # noqa: E402
from auscult.families.hift.config import Config, tiny  # noqa: E402
from auscult.families.hift.torch import Generator  # noqa: E402
from auscult.rules.sound.subject import SoundFacts, SoundSubject  # noqa: E402
from auscult.sound.recording import Recording, read_recording  # noqa: E402
from auscult.verbs.run.chatterbox import run_chatterbox  # noqa: E402
from tests.families.chatterbox import randomise, relative  # noqa: E402

CLOSE = 1e-3
"""Of the peak: the whole counts thousands of cycles in single precision, the parts begin each in phase."""


@pytest.mark.parametrize("sizes", [(40,), (7, 20, 13), (3,) * 14, (1, 60)])
@pytest.mark.parametrize(
    "config", [tiny(), replace(tiny(), resblock_kernel_sizes=(3, 11), dilations=(1, 5))]
)
def test_a_mel_in_parts_sounds_as_the_whole(config: Config, sizes: tuple[int, ...]) -> None:
    generator = randomise(Generator(config, "fused"), gain=0.9)
    with torch.no_grad():
        generator.f0_predictor.classifier.bias.fill_(180.0)
    rng = np.random.default_rng(0)
    mel = rng.standard_normal((1, config.mel_bins, sum(sizes))).astype(np.float32)
    phases = np.array([[0.0, 1.0, -2.0]], np.float32)
    noise = rng.standard_normal((1, config.harmonics, sum(sizes) * config.hop)).astype(np.float32)
    with torch.no_grad():
        whole = generator(
            *map(torch.from_numpy, (mel,)),
            phases=torch.from_numpy(phases),
            noise=torch.from_numpy(noise),
        )
    sounding = Sounding(
        replace(tiny_runtime(), s3gen=Holder(generator)), config, phases, given(noise)
    )
    made, edges = [], np.cumsum(sizes)
    for start, stop in zip((0, *edges[:-1]), edges, strict=True):
        made.append(sounding(mel[..., start:stop], last=stop == edges[-1]))
        assert sounding.mel.shape[2] <= 2 * config.reach + config.f0_layers + max(sizes)
    assert relative(np.concatenate(made), whole[0, 0]) <= CLOSE


class Holder:
    """In the place of an S3Gen that is only asked for its vocoder."""

    def __init__(self, mel2wav: Any) -> None:
        self.mel2wav = mel2wav


def test_every_token_has_its_frames_once_from_a_window_that_does_not_grow() -> None:
    """Of a flow that gives each token's number: what comes out is the numbers in order."""
    chunking = Chunking(chunk=5, past=4, overlap=2, lookahead=3)
    for count in (1, 4, 10, 11, 15, 16, 43):
        seen: list[int] = []

        def flow(ids: Any, first: int, final: bool, seen: list[int] = seen) -> Any:
            seen.append(len(ids))
            assert ids[0] == first
            kept = ids if final else ids[: -chunking.lookahead]
            return np.repeat(kept, chunking.frames).astype(np.float32)[None, None]

        parts = list(mels(iter(range(count)), flow, chunking))
        assert [last for _, last in parts] == [False] * (len(parts) - 1) + [True]
        np.testing.assert_allclose(
            np.concatenate([mel for mel, _ in parts], axis=2)[0, 0], np.repeat(np.arange(count), 2)
        )
        assert max(seen) <= chunking.past + chunking.chunk + chunking.overlap + chunking.lookahead
        assert all(mel.shape[2] == 10 for mel, last in parts if not last)


def test_two_renderings_are_blended_where_they_meet() -> None:
    chunking, calls = Chunking(chunk=5, past=4, overlap=2, lookahead=3), []

    def flow(ids: Any, first: int, final: bool) -> Any:
        calls.append(first)
        return np.full(
            (1, 1, 2 * (len(ids) - (0 if final else chunking.lookahead))),
            float(len(calls)),
            np.float32,
        )

    mel = np.concatenate([mel for mel, _ in mels(iter(range(12)), flow, chunking)], axis=2)[0, 0]
    assert (mel[:10] == 1).all()
    assert (np.diff(mel[9:15]) > 0).all()  # from 1 to 2 over two tokens
    assert (mel[14:] == 2).all()


def test_draws_are_the_same_however_they_are_asked_for() -> None:
    whole = Drawn(3, np.random.default_rng(5))(0, 50)
    drawn = Drawn(3, np.random.default_rng(5))
    parts = [drawn(0, 7), drawn(5, 30), drawn(28, 50)]
    np.testing.assert_array_equal(parts[0], whole[..., :7])
    np.testing.assert_array_equal(parts[1], whole[..., 5:30])
    np.testing.assert_array_equal(parts[2], whole[..., 28:])
    assert len(drawn.values) == 22


@pytest.fixture(scope="module")
def model() -> ChatterboxRuntime:
    return tiny_runtime()


def test_a_sentence_of_one_chunk_is_what_it_is_without_streaming(tmp_path: Any) -> None:
    pytest.importorskip("mlx.core")
    rendered = {}
    for runtime in ("torch", "mlx"):
        for name, chunk in (("whole", None), ("one", 60.0), ("many", 0.2)):
            run_chatterbox(
                "Hi",
                tmp_path / f"{name}.wav",
                tiny=True,
                runtime=runtime,
                max_tokens=20,
                chunk_seconds=chunk,
            )
        whole, one, many = (
            read_recording(tmp_path / f"{name}.wav").mono for name in ("whole", "one", "many")
        )
        np.testing.assert_array_equal(one, whole)
        assert many.shape == whole.shape
        rendered[runtime] = many
    assert relative(rendered["mlx"], rendered["torch"]) <= CLOSE


def test_chunks_join_without_seams(model: ChatterboxRuntime) -> None:
    """By the measure that finds frames and chunks that do not join; joined without a vocoder's context, they have seams."""
    config, rng = model.s3gen.config, np.random.default_rng(1)
    tokens = rng.integers(0, config.flow.tokens, 120)
    heard = model.extract_conditioning(
        Recording.from_mono((0.1 * rng.standard_normal(48_000)).astype(np.float32), 24_000), 0.5
    )
    chunking = Chunking(chunk=10)
    draws = model.make_noise_streams(0)
    streamed = np.concatenate(
        list(iter_chunks(model, iter(tokens.tolist()), heard, draws, chunking))
    )
    assert not seams(streamed, model, 0.4)
    noise = model.draw(len(tokens), heard.mel.shape[2] // 2, 0)
    pieces = []
    for first in range(0, len(tokens), 10):
        mel = model.mel(
            tokens[first : first + 10], heard, noise.flow[..., : heard.mel.shape[2] + 20]
        )
        f0 = model.f0(mel)
        source = model.source(
            f0, noise.phases, noise.source[..., : f0.shape[1] * config.mel2wav.hop]
        )
        pieces.append(model.decode(mel, source))
    assert seams(np.concatenate(pieces), model, 0.4)


def seams(sound: Any, model: ChatterboxRuntime, chunk_seconds: float) -> list[str]:
    facts = SoundFacts(hop=model.s3gen.config.mel2wav.hop, chunk_seconds=chunk_seconds)
    subject = SoundSubject(
        Recording.from_mono(np.asarray(sound, np.float32), model.sample_rate), facts=facts
    )
    return [
        finding.cause
        for finding in rules.run_rules(subject, "sound")[0]
        if finding.cause == "frame-seams"
    ]
