"""T3 and the voice encoder against chatterbox-tts 0.1.7 from the same random weights: full width, three of thirty layers."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")
pytest.importorskip("transformers")
pytest.importorskip("einops")

from auscult.families.chatterbox_t3 import mlx as t3_mlx  # noqa: E402
from auscult.families.chatterbox_t3 import torch as t3  # noqa: E402
from auscult.families.chatterbox_t3.config import Config  # noqa: E402
from auscult.families.chatterbox_t3.generate import Condition, framed  # noqa: E402
from auscult.families.chatterbox_t3.sampling import Sampling, guided, probabilities  # noqa: E402
from auscult.families.chatterbox_t3.text import normalise  # noqa: E402
from auscult.families.chatterbox_voice_encoder import mlx as voice_mlx  # noqa: E402
from auscult.families.chatterbox_voice_encoder import torch as voice  # noqa: E402
from auscult.families.chatterbox_voice_encoder.config import Config as VoiceConfig  # noqa: E402
from auscult.families.chatterbox_voice_encoder.features import trimmed, windows  # noqa: E402
from tests.families.chatterbox import randomise, reference, relative  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CLOSE = 1e-4
LAYERS, STEPS = 3, 32
TEXT = np.random.default_rng(1).integers(1, 255, 40)
GUIDANCE = 0.5


@pytest.fixture(scope="module")
def theirs() -> Any:
    return released(LAYERS)


def released(layers: int) -> Any:
    """The reference with so many layers, random."""
    package = reference("models.t3.t3")
    sizes = package.LLAMA_CONFIGS["Llama_520M"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sizes, "num_hidden_layers", layers)
        patch.setitem(sizes, "torch_dtype", "float32")
        return randomise(package.T3()).float()


@pytest.fixture(scope="module")
def condition() -> Condition:
    rng = np.random.default_rng(2)
    speaker = rng.standard_normal(256).astype(np.float32)
    return Condition(speaker / np.linalg.norm(speaker), rng.integers(0, 6561, 150), 0.5)


@pytest.fixture(scope="module")
def told(theirs: Any, condition: Condition) -> tuple[Any, list[int]]:
    return generated(theirs, condition, STEPS)


def generated(theirs: Any, condition: Condition, steps: int) -> tuple[Any, list[int]]:
    """The reference's guided logits at every step, from its own generation with the likeliest token for a draw."""
    package = reference("models.t3.modules.cond_enc")
    given = package.T3Cond(
        speaker_emb=torch.from_numpy(condition.speaker)[None],
        cond_prompt_speech_tokens=torch.from_numpy(condition.prompt)[None],
        emotion_adv=condition.emotion * torch.ones(1, 1, 1),
    )
    rows: list[Any] = []
    handle = theirs.speech_head.register_forward_hook(
        lambda _module, _given, logits: rows.append(logits[:, -1].numpy())
    )
    text = torch.from_numpy(framed(TEXT, Config()))[None].repeat(2, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            torch,
            "multinomial",
            lambda chances, num_samples: chances.argmax(-1, keepdim=True),  # noqa: ARG005
        )
        tokens = theirs.inference(
            t3_cond=given, text_tokens=text, max_new_tokens=steps, cfg_weight=GUIDANCE, top_p=1.0
        )
    handle.remove()
    return np.stack([guided(row, GUIDANCE) for row in rows[:steps]]), tokens[0].tolist()


def weights(theirs: Any) -> dict[str, Any]:
    """The reference's state; after a generation it holds its backbone a second time."""
    return {
        name: value
        for name, value in theirs.state_dict().items()
        if not name.startswith("patched_model.")
    }


def decoded(decoding: Any, steps: int = STEPS) -> tuple[Any, list[int]]:
    """Ours: guided logits and the likeliest tokens after the penalty."""
    said, logits, rows = [6561], [], decoding.first()
    for _ in range(steps):
        logits.append(guided(rows, GUIDANCE))
        said.append(int(np.argmax(probabilities(logits[-1], said, Sampling()))))
        rows = decoding.next(said[-1])
    return np.stack(logits), said[1:]


def test_t3_logits_for_32_steps_with_guidance(theirs: Any, condition: Condition, told: Any) -> None:
    expected, tokens = told
    assert expected.shape == (STEPS, 8194)
    assert len(set(tokens)) > 8
    config = Config(layers=LAYERS)
    ours, port = t3.build(config), t3_mlx.build(config)
    t3.load(ours, weights(theirs))
    t3_mlx.load(port, {name: value.numpy() for name, value in weights(theirs).items()})
    for decoding in (t3.Decoder(ours, TEXT, condition), t3_mlx.Decoder(port, TEXT, condition)):
        found, said = decoded(decoding)
        assert said == tokens
        assert relative(found, expected) <= CLOSE


def test_at_the_released_depth(condition: Condition) -> None:
    """All thirty layers, 532 million parameters, for a few tokens."""
    theirs, steps = released(Config().layers), 4
    expected, tokens = generated(theirs, condition, steps)
    ours = t3.build(Config())
    t3.load(ours, weights(theirs))
    del theirs
    assert sum(value.numel() for value in ours.state_dict().values()) == 532_405_248
    found, said = decoded(t3.Decoder(ours, TEXT, condition), steps)
    assert said == tokens
    assert relative(found, expected) <= CLOSE
    port = t3_mlx.build(Config())
    t3_mlx.load(port, {name: value.numpy() for name, value in ours.state_dict().items()})
    found, said = decoded(t3_mlx.Decoder(port, TEXT, condition), steps)
    assert said == tokens
    assert relative(found, expected) <= CLOSE


def test_one_start_token_would_not_be_the_released_model(
    theirs: Any, condition: Condition, told: Any
) -> None:
    """That the comparison can fail: without the second start token the first logits are others."""
    ours = t3.build(Config(layers=LAYERS))
    t3.load(ours, weights(theirs))
    with torch.inference_mode():
        prefix = ours.prefix(
            torch.from_numpy(framed(TEXT, Config())), condition, with_guidance=True
        )
        once = guided(ours(prefix[:, :-1])[:, -1].numpy(), GUIDANCE)
    assert relative(once, told[0][0]) > 100 * CLOSE


def speech() -> Any:
    """Quiet, a gliding buzz with pauses, quiet."""
    time = np.arange(int(16_000 * 4.1)) / 16_000
    buzz = np.sign(np.sin(2 * np.pi * (110 * time + 5 * np.sin(4 * time)))) * (np.sin(5 * time) > 0)
    made = 0.2 * buzz + np.random.default_rng(0).normal(0, 0.01, time.size)
    return np.concatenate((np.zeros(9000), made, np.zeros(7000))).astype(np.float32)


def test_voice_encoder() -> None:
    package = reference("models.voice_encoder.voice_encoder")
    librosa = pytest.importorskip("librosa")
    theirs = randomise(package.VoiceEncoder())
    samples = speech()
    assert np.array_equal(trimmed(samples), librosa.effects.trim(samples, top_db=20)[0])
    mel = package.melspectrogram(trimmed(samples), theirs.hp).T
    step = package.get_frame_step(0.5, 1.3, theirs.hp)
    count, length = package.get_num_wins(len(mel), step, 0.8, theirs.hp)
    padded = np.pad(mel, ((0, max(0, length - len(mel))), (0, 0)))
    partials = np.stack([padded[step * i : step * i + 160] for i in range(count)])
    assert relative(windows(samples, VoiceConfig()), partials) <= CLOSE
    expected = theirs.embeds_from_wavs([samples], sample_rate=16_000)[0]
    ours, port = voice.build(VoiceConfig()), voice_mlx.build(VoiceConfig())
    voice.load(ours, theirs.state_dict())
    voice_mlx.load(
        port, {name: value.detach().numpy() for name, value in theirs.state_dict().items()}
    )
    assert relative(ours.speaker(samples), expected) <= CLOSE
    assert relative(port.speaker(samples), expected) <= CLOSE


@pytest.mark.parametrize(
    "text",
    ["hello   there", "well... yes; no: maybe", "“so” – it’s — done - now ,", "Really?  ", "a…b"],
)
def test_punctuation(text: str) -> None:
    """The function alone: the module around it imports the watermarker."""
    folder = Path(reference("models.voice_encoder.config").__file__).parents[2]
    tree = ast.parse((folder / "tts.py").read_text(encoding="utf-8"))
    tree.body = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "punc_norm"
    ]
    names: dict[str, Any] = {}
    exec(compile(tree, "punc_norm", "exec"), names)
    assert normalise(text) == names["punc_norm"](text)
