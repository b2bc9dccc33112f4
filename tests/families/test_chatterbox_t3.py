"""T3 at tiny size: torch against MLX, the memory against the whole sequence, and sampling against a slow oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")
pytest.importorskip("transformers")

from auscult import families  # noqa: E402
from auscult.errors import CheckpointError, UsageError  # noqa: E402
from auscult.families.chatterbox_t3 import mlx as t3_mlx  # noqa: E402
from auscult.families.chatterbox_t3 import signature  # noqa: E402
from auscult.families.chatterbox_t3 import torch as t3  # noqa: E402
from auscult.families.chatterbox_t3.config import TURBO, Config, tiny  # noqa: E402
from auscult.families.chatterbox_t3.generate import Condition, framed, sound_only, speak  # noqa: E402
from auscult.families.chatterbox_t3.sampling import Sampling, draw, guided, probabilities  # noqa: E402
from auscult.families.chatterbox_t3.text import bytes_as_tokens, normalise, tokenize  # noqa: E402
from tests.families import published  # noqa: E402
from tests.families.chatterbox import randomise, relative  # noqa: E402

CLOSE = 1e-4
TEXT = bytes_as_tokens("A tiny voice.")
CONFIG = tiny()


@pytest.fixture(scope="module")
def model() -> Any:
    return randomise(t3.build(CONFIG))


@pytest.fixture(scope="module")
def port(model: Any) -> Any:
    module = t3_mlx.build(CONFIG)
    t3_mlx.load(module, arrays(model))
    return module


@pytest.fixture(scope="module")
def condition() -> Condition:
    rng = np.random.default_rng(3)
    speaker = rng.standard_normal(CONFIG.speaker_dim).astype(np.float32)
    return Condition(speaker, rng.integers(0, 27, CONFIG.prompt_tokens), 0.7)


def arrays(module: Any) -> dict[str, Any]:
    return {name: value.numpy() for name, value in module.state_dict().items()}


def greedy(decoding: Any, steps: int, guidance: float = 0.5) -> tuple[Any, list[int]]:
    """Logits of every step, and the likeliest tokens."""
    logits, tokens, rows = [], [], decoding.first()
    for _ in range(steps):
        logits.append(guided(rows, guidance))
        tokens.append(int(np.argmax(logits[-1])))
        rows = decoding.next(tokens[-1])
    return np.stack(logits), tokens


def test_the_module_has_the_signatures_names_and_shapes(model: Any) -> None:
    state = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert state == signature.expected(CONFIG)
    detection = families.detect_families(state)[0]
    assert (detection.family, detection.score) == ("chatterbox-t3", 1.0)


def test_the_full_size_model_is_the_released_one() -> None:
    with torch.device("meta"):
        module = t3.build(Config())
    assert {
        name: tuple(value.shape) for name, value in module.state_dict().items()
    } == published.shapes("chatterbox_t3")
    values = sum(value.numel() for value in module.state_dict().values())
    assert (len(module.state_dict()), values) == (292, 532_405_248)
    assert signature.expected(Config()) == published.shapes("chatterbox_t3")


def test_mlx_agrees_with_torch_step_by_step(model: Any, port: Any, condition: Condition) -> None:
    expected, tokens = greedy(t3.Decoder(model, TEXT, condition), 24)
    found, same = greedy(t3_mlx.Decoder(port, TEXT, condition), 24)
    assert tokens == same
    assert relative(found, expected) <= CLOSE
    assert expected.std() > 0.1
    alone, _ = greedy(t3.Decoder(model, TEXT, condition, with_guidance=False), 4)
    assert (
        relative(greedy(t3_mlx.Decoder(port, TEXT, condition, with_guidance=False), 4)[0], alone)
        <= CLOSE
    )


def test_the_memory_is_the_whole_sequence_at_once(
    model: Any, port: Any, condition: Condition
) -> None:
    tokens = [3, 26, 0, 0, 14, 9]
    decoders = t3.Decoder(model, TEXT, condition), t3_mlx.Decoder(port, TEXT, condition)
    stepped = [
        [decoder.first(), *(decoder.next(token) for token in tokens)][-1] for decoder in decoders
    ]
    with torch.inference_mode():
        prefix = model.prefix(torch.from_numpy(framed(TEXT, CONFIG)), condition, with_guidance=True)
        said = model.speech(torch.tensor(tokens), 1).expand(2, -1, -1)
        whole = model(torch.cat((prefix, said), dim=1))[:, -1]
    assert relative(stepped[0], whole) <= CLOSE
    assert relative(stepped[1], whole) <= CLOSE
    given_mlx = port.prefix(mx.array(framed(TEXT, CONFIG)), condition, with_guidance=True)
    said_mlx = mx.broadcast_to(port.speech(mx.array(tokens), 1), (2, len(tokens), CONFIG.width))
    assert relative(port(mx.concatenate([given_mlx, said_mlx], axis=1))[:, -1], whole) <= CLOSE


def test_the_memory_grows_past_its_first_room(port: Any, condition: Condition) -> None:
    memory, rng = t3_mlx.Memory(), np.random.default_rng(0)
    parts = [
        rng.standard_normal((1, 2, length, 4)).astype(np.float32) for length in (250, 1, 9, 300, 1)
    ]
    for part in parts:
        keys, values = memory.add(mx.array(part), mx.array(-part))
    assert np.array_equal(keys, np.concatenate(parts, axis=2))
    assert np.array_equal(values, -np.concatenate(parts, axis=2))


def test_start_twice_and_the_text_only_in_the_first_row(model: Any, condition: Condition) -> None:
    ids = framed(TEXT, CONFIG)
    assert (ids[0], ids[-1]) == (255, 0)
    with torch.inference_mode():
        prefix = model.prefix(torch.from_numpy(ids), condition, with_guidance=True)
        begin = model.speech_emb.weight[27] + model.speech_pos_emb.emb.weight[0]
        places = model.text_pos_emb.emb.weight[: len(ids)]
    before = 1 + CONFIG.queries + 1
    assert prefix.shape == (2, before + len(ids) + 2, CONFIG.width)
    assert torch.equal(prefix[:, -2:], begin.expand(2, 2, -1))
    assert torch.equal(prefix[0, :before], prefix[1, :before])
    assert torch.equal(prefix[1, before:-2], places)
    assert torch.equal(prefix[0, before:-2], model.text_emb.weight[torch.from_numpy(ids)] + places)


def test_rotary_periods_are_transformers_own() -> None:
    """Against the published model's inverse frequencies, and the three bands of Llama 3's formula."""
    inverse = t3.llama(replace(tiny(), head_width=64, width=64)).rotary_emb.inv_freq.numpy()
    periods = t3_mlx.rope_periods(Config())
    assert np.abs(periods * inverse - 1).max() < 1e-5
    plain = 1 / 500_000.0 ** (np.arange(0, 64, 2) / 64)
    ratio = 1 / periods / plain
    waves = 2 * math.pi / plain
    assert np.allclose(ratio[waves < 2048], 1)
    assert np.allclose(ratio[waves > 8192], 1 / 8)
    assert ((ratio > 1 / 8) & (ratio < 1)).any()


def slow_probabilities(logits: Any, said: list[int], sampling: Sampling) -> list[float]:
    """The reference's processors one after another, each as its paper says, in Python's floats."""
    scores = [float(value) for value in logits]
    for token in set(said):
        penalty = sampling.repetition_penalty
        scores[token] = scores[token] * penalty if scores[token] < 0 else scores[token] / penalty
    scores = [score / sampling.temperature for score in scores]

    def normal(values: list[float]) -> list[float]:
        powers = [math.exp(value - max(values)) if value > -math.inf else 0.0 for value in values]
        return [power / sum(powers) for power in powers]

    chances = normal(scores)
    scores = [
        s if c >= sampling.min_p * max(chances) else -math.inf
        for s, c in zip(scores, chances, strict=True)
    ]
    chances = normal(scores)
    kept, total = set(), 0.0
    for token in sorted(range(len(scores)), key=lambda token: -chances[token]):
        if sampling.top_p >= 1 or total < sampling.top_p:
            kept.add(token)
        total += chances[token]
    return normal([score if token in kept else -math.inf for token, score in enumerate(scores)])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.2, 2.0),
    st.floats(1.0, 2.0),
    st.floats(0.0, 0.5),
    st.sampled_from([1.0, 0.95, 0.5, 0.01]),
)
def test_probabilities_are_the_slow_ones(
    seed: int, temperature: float, penalty: float, min_p: float, top_p: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = (3 * rng.standard_normal(23)).astype(np.float32)
    said = rng.integers(0, 23, 6).tolist()
    sampling = Sampling(
        temperature=temperature, repetition_penalty=penalty, min_p=min_p, top_p=top_p
    )
    found = probabilities(logits, said, sampling)
    assert np.abs(found - slow_probabilities(logits, said, sampling)).max() < 1e-9


def test_probabilities_are_the_processors_of_transformers() -> None:
    from transformers.generation import logits_process as processors

    rng = np.random.default_rng(1)
    for top_p in (1.0, 0.8):
        logits = torch.from_numpy((3 * rng.standard_normal((1, 40))).astype(np.float32))
        said = torch.tensor([[27, 3, 3, 11]])
        scores = processors.RepetitionPenaltyLogitsProcessor(1.2)(said, logits) / 0.8
        for warper in (processors.MinPLogitsWarper(0.05), processors.TopPLogitsWarper(top_p)):
            scores = warper(said, scores)
        found = probabilities(logits[0].numpy(), said[0].tolist(), Sampling(top_p=top_p))
        assert np.abs(found - torch.softmax(scores, -1)[0].numpy()).max() < 1e-6


def test_draws_have_their_probabilities_and_never_none() -> None:
    chances = np.array([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    drawn = [draw(chances, (step + 0.5) / 400) for step in range(400)]
    assert np.bincount(drawn, minlength=6).tolist() == [0, 100, 0, 200, 100, 0]
    assert (draw(chances, 0.0), draw(chances, np.nextafter(1.0, 0.0))) == (1, 4)
    assert probabilities(
        np.array([1.0, 3.0, 2.9], np.float32), [1], Sampling(temperature=0)
    ).tolist() == [0, 0, 1]


class Fixed:
    """Says what it is told to."""

    def __init__(self, tokens: list[int]) -> None:
        self.tokens, self.heard = iter(tokens), [27]

    def first(self) -> Any:
        rows = np.full((2, 32), -50.0, np.float32)
        rows[:, next(self.tokens)] = 50.0
        return rows

    def next(self, token: int) -> Any:
        self.heard.append(token)
        return self.first()


def halves() -> Iterator[float]:
    while True:
        yield 0.5


def test_a_sentence_ends_at_the_stop_token_or_the_limit() -> None:
    seen: list[tuple[int, int, str]] = []
    spoken = speak(
        Fixed([5, 30, 6, 28]),
        CONFIG,
        Sampling(max_tokens=9),
        halves(),
        lambda *step: seen.append(step),
    )
    assert (spoken.tokens.tolist(), spoken.sampled.tolist(), spoken.stopped) == (
        [5, 6],
        [5, 30, 6, 28],
        True,
    )
    assert seen[-1] == (4, 9, "speech tokens")
    decoding = Fixed([5, 6, 7, 8, 9])
    spoken = speak(decoding, CONFIG, Sampling(max_tokens=3), halves())
    assert (spoken.tokens.tolist(), spoken.stopped, decoding.heard) == (
        [5, 6, 7],
        False,
        [27, 5, 6],
    )
    with pytest.raises(UsageError, match="1 to 83"):
        speak(decoding, CONFIG, Sampling(max_tokens=84), halves())
    assert sound_only(np.array([4, 27, 5, 31, 6, 28, 7]), CONFIG).tolist() == [5, 6]


def test_the_same_uniforms_are_the_same_sentence_in_both_frameworks(
    model: Any, port: Any, condition: Condition
) -> None:
    def said(decoding: Any, seed: int) -> list[int]:
        uniforms = iter(np.random.default_rng(seed).random(40))
        return list(speak(decoding, CONFIG, Sampling(max_tokens=40), uniforms).sampled)

    sentences = [
        said(t3.Decoder(model, TEXT, condition), 5),
        said(t3_mlx.Decoder(port, TEXT, condition), 5),
    ]
    assert sentences[0] == sentences[1]
    assert said(t3.Decoder(model, TEXT, condition), 6) != sentences[0]
    assert len(set(sentences[0])) > 5


class TestLoading:
    """Strict, whoever named the tensors."""

    def test_mlx_audios_names_and_a_prefix_and_no_unused_embedding(
        self, model: Any, condition: Condition
    ) -> None:
        renamed = {
            "t3."
            + (name.replace("tfmr.", "tfmr.model.") if name.startswith("tfmr.") else name): value
            for name, value in model.state_dict().items()
            if "embed_tokens" not in name
        }
        detection = families.detect_families(
            {name: tuple(value.shape) for name, value in renamed.items()}
        )[0]
        assert (detection.family, detection.prefix, detection.config.naming) == (
            "chatterbox-t3",
            "t3.",
            "mlx-audio",
        )
        loaded = t3.build(replace(CONFIG, naming="mlx-audio", tokens=0))
        t3.load(loaded, renamed, "t3.")
        port = t3_mlx.build(CONFIG)
        t3_mlx.load(port, {name: value.numpy() for name, value in renamed.items()}, "t3.")
        expected, _ = greedy(t3.Decoder(model, TEXT, condition), 2)
        assert np.array_equal(greedy(t3.Decoder(loaded, TEXT, condition), 2)[0], expected)
        assert relative(greedy(t3_mlx.Decoder(port, TEXT, condition), 2)[0], expected) <= CLOSE

    @pytest.mark.parametrize("change", ["missing", "foreign", "shape"])
    def test_nothing_stays_random_in_silence(self, model: Any, change: str) -> None:
        state = dict(model.state_dict())
        name = "tfmr.layers.1.self_attn.o_proj.weight"
        if change == "missing":
            del state[name]
        elif change == "foreign":
            state["text_pos_emb.other"] = state[name]
        else:
            state[name] = state[name][:-1]
        with pytest.raises(CheckpointError):
            t3.load(t3.build(CONFIG), state)
        with pytest.raises(CheckpointError):
            t3_mlx.load(t3_mlx.build(CONFIG), {key: value.numpy() for key, value in state.items()})

    def test_turbo_is_refused(self) -> None:
        for module in (t3, t3_mlx):
            with pytest.raises(UsageError, match="is Turbo's T3"):
                module.build(TURBO)


def test_another_models_speaker_vector_is_refused(model: Any, condition: Condition) -> None:
    for wrong in (np.zeros(192, np.float32), np.zeros((1, 8), np.float32)):
        with pytest.raises(UsageError, match="no speaker vector of this model"):
            t3.Decoder(model, TEXT, replace(condition, speaker=wrong))
    with pytest.raises(UsageError, match="no prompt"):
        t3.Decoder(model, TEXT, replace(condition, prompt=np.array([40])))
    with pytest.raises(UsageError, match="too long"):
        t3.Decoder(model, np.ones(129, np.int64), condition)
    with pytest.raises(UsageError, match="another model's"):
        t3.Decoder(model, np.array([300]), condition)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello   there", "Hello there."),
        ("well... yes; no: maybe", "Well,  yes,  no, maybe."),
        ("“so” – it’s — done - now ,", '"so" - it\'s - done, now,'),
        ("Really?  ", "Really?"),
    ],
)
def test_punctuation_is_what_the_model_knows(text: str, said: str) -> None:
    assert normalise(text) == said


def test_text_as_ids(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    vocabulary = {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2, "H": 3, "i": 4, ".": 5, "[START]": 255}
    made = Tokenizer(BPE(vocabulary, [], unk_token="[UNK]"))
    made.add_special_tokens(["[STOP]", "[UNK]", "[SPACE]", "[START]"])
    made.save(str(tmp_path / "tokenizer.json"))
    assert tokenize("Hi i.", tmp_path / "tokenizer.json").tolist() == [3, 4, 2, 4, 5]
    Tokenizer(BPE({"a": 0}, [])).save(str(tmp_path / "other.json"))
    with pytest.raises(CheckpointError, match="another model's tokenizer"):
        tokenize("Hi", tmp_path / "other.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(CheckpointError, match="is no tokenizer"):
        tokenize("Hi", tmp_path / "broken.json")
    with pytest.raises(UsageError, match="no text"):
        normalise("  ")
    assert bytes_as_tokens("é\0a").tolist() == [0xC3, 0xA9, 97]
