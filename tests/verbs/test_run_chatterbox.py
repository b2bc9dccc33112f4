"""`auscult run chatterbox`, end to end on tiny random models: what is written, what is asked for, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from safetensors.numpy import save_file  # noqa: E402

from auscult.errors import AudioError, CheckpointError, UsageError  # noqa: E402
from auscult.families.chatterbox import open_runtime as open_runtime_module  # noqa: E402
from auscult.families.chatterbox import runtimes  # noqa: E402
from auscult.families.chatterbox.files import find_chatterbox_files, read, read_conditions  # noqa: E402
from auscult.families.chatterbox.open_runtime import open_runtime, tiny_runtime  # noqa: E402
from auscult.families.chatterbox_s3gen import config as s3gen_config  # noqa: E402
from auscult.families.chatterbox_s3gen import signature as s3gen_signature  # noqa: E402
from auscult.families.chatterbox_t3 import config as t3_config  # noqa: E402
from auscult.families.chatterbox_t3 import signature as t3_signature  # noqa: E402
from auscult.families.chatterbox_voice_encoder import config as voice_config  # noqa: E402
from auscult.families.chatterbox_voice_encoder import signature as voice_signature  # noqa: E402
from auscult.sound.recording import read_recording  # noqa: E402
from auscult.verbs.run import chatterbox as verb  # noqa: E402
from auscult.verbs.run.chatterbox import run_chatterbox  # noqa: E402
from auscult.verdict import Verdict  # noqa: E402
from tests.conftest import Ran  # noqa: E402

Cli = Callable[..., Ran]
TEXT = "Hi there"
BYTES = sorted(set(b"Hi there."))


def samples(path: Path) -> Any:
    return soundfile.read(str(path), dtype="float32", always_2d=True)[0].T


def say(out: Path, **options: Any) -> dict[str, Any]:
    """The facts of a run."""
    report = run_chatterbox(TEXT, out, **options)
    assert report.verdict is Verdict.PASS
    return dict(report.extra["run"])


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_runtime()


def arrays(module: Any) -> dict[str, Any]:
    return {
        name: np.ascontiguousarray(value.detach().numpy())
        for name, value in module.state_dict().items()
    }


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two seconds of noise in stereo, at a rate that no model has."""
    path = tmp_path / "voice.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(7).standard_normal((44_100, 2)), 22_050)
    return path


def read_as_tiny(path: Path, part: str) -> Any:
    """What no tensor shows (heads, ids of the start tokens) is the release's for a file; here it is the tiny model's."""
    state, config = read(path, part)
    signature, tiny = {
        "t3": (t3_signature, t3_config.tiny()),
        "s3gen": (s3gen_signature, s3gen_config.tiny()),
        "ve": (voice_signature, voice_config.tiny()),
    }[part]
    assert len(state) < len(signature.expected(tiny)) - 1 or signature.expected(
        config
    ) == signature.expected(tiny)
    return state, tiny


@pytest.fixture
def folder(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model's parts, laid out as the real ones are, with a tokenizer that gives bytes."""
    monkeypatch.setattr(open_runtime_module, "read", read_as_tiny)
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    place = tmp_path / "weights"
    place.mkdir()
    save_file(arrays(model.t3), place / "t3_cfg.safetensors")
    save_file(arrays(model.voice), place / "ve.safetensors")
    torch.save(model.s3gen.state_dict(), place / "s3gen.pt")
    vocabulary = {"[STOP]": 0, "[START]": 255, "[SPACE]": 32} | {
        chr(byte): byte for byte in BYTES if byte != 32
    }
    tokenizer = Tokenizer(BPE(vocabulary, []))
    tokenizer.add_special_tokens(["[STOP]", "[START]", "[SPACE]"])
    tokenizer.save(str(place / "tokenizer.json"))
    return place


@pytest.mark.parametrize("runtime", ["torch", "mlx"])
def test_a_tiny_run_writes_speech(auscult: Cli, tmp_path: Path, runtime: str) -> None:
    if runtime == "mlx":
        pytest.importorskip("mlx.core")
    out = tmp_path / "out.wav"
    ran = auscult(
        "run",
        "chatterbox",
        "--text",
        "hello",
        "--tiny",
        "--max-tokens",
        "12",
        "--runtime",
        runtime,
        "-o",
        out,
    )
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.startswith(f"PASS  a tiny random model\nwrote {out}  ")
    assert f"runtime {runtime}, tokens " in ran.out
    made, rate = soundfile.read(str(out))
    assert rate == 24_000
    assert len(made) % 960 == 0  # 25 tokens a second
    assert 0.001 < np.abs(made).max() <= 0.99
    assert not made[:480].any()  # what spills over from the reference


def test_the_same_seed_is_the_same_speech_in_both_frameworks(
    tmp_path: Path, recording: Path
) -> None:
    pytest.importorskip("mlx.core")
    out = {name: tmp_path / f"{name}.wav" for name in ("torch", "mlx", "other")}
    told = {
        name: say(out[name], tiny=True, runtime=name, voice=recording, max_tokens=10)
        for name in ("torch", "mlx")
    }
    assert told["torch"]["speech_tokens"] == told["mlx"]["speech_tokens"]
    one, two = samples(out["torch"]), samples(out["mlx"])
    assert np.abs(one - two).max() < 1e-3 * np.abs(one).max()
    other = say(out["other"], tiny=True, voice=recording, max_tokens=10, seed=1)
    assert other["speech_tokens"] != told["torch"]["speech_tokens"]


def test_what_is_drawn_can_be_given(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "tiny_runtime", lambda *_: model)
    out = tmp_path / "out.wav"
    first = say(out, tiny=True, uniforms=[0.5] * 9, max_tokens=9)
    assert (
        say(out, tiny=True, uniforms=[0.5] * 9, max_tokens=9, seed=8)["speech_tokens"]
        == first["speech_tokens"]
    )
    with pytest.raises(UsageError, match="more tokens are drawn"):
        say(out, tiny=True, uniforms=[], max_tokens=9)
    tokens = np.array([3, 1, 26, 8])
    noise = model.draw(4, 50, 3)
    say(out, tiny=True, tokens=tokens, noise=noise)
    expected = samples(out)
    assert expected.shape == (1, 4 * 960)
    say(out, tiny=True, tokens=tokens, noise=noise, seed=9)
    assert np.array_equal(samples(out), expected)
    say(out, tiny=True, tokens=tokens, noise=noise._replace(flow=-noise.flow))
    assert not np.allclose(samples(out), expected)
    with pytest.raises(UsageError, match="no speech tokens"):
        say(out, tiny=True, tokens=np.array([27]))  # the start token must not reach S3Gen


class TestWeights:
    """What is looked for in the folder, and what is said when it is not there."""

    @pytest.mark.parametrize("form", ["released", "one file"])
    def test_the_folders_model_speaks_as_the_one_in_memory(
        self, auscult: Cli, folder: Path, tmp_path: Path, recording: Path, form: str
    ) -> None:
        if form == "one file":
            parts = {
                "t3": read(folder / "t3_cfg.safetensors", "t3"),
                "s3gen": read(folder / "s3gen.pt", "s3gen"),
            }
            parts["ve"] = read(folder / "ve.safetensors", "ve")
            whole = {
                f"{part}.{name}": value
                for part, (state, _) in parts.items()
                for name, value in state.items()
            }
            save_file(whole, folder / "model.safetensors")
            for name in ("t3_cfg.safetensors", "s3gen.pt", "ve.safetensors"):
                (folder / name).unlink()
        out, same = tmp_path / "out.wav", tmp_path / "same.wav"
        options = ("--voice", recording, "--max-tokens", "8")
        ran = auscult("run", "chatterbox", "--text", TEXT, "--weights", folder, *options, "-o", out)
        assert (ran.exit_code, ran.err) == (0, "")
        say(same, tiny=True, voice=recording, max_tokens=8)
        np.testing.assert_allclose(samples(out), samples(same), atol=1e-6)

    def test_the_voice_that_comes_with_it(
        self, folder: Path, tmp_path: Path, recording: Path, model: Any
    ) -> None:
        heard = model.extract_conditioning(read_recording(recording), 0.5)
        speaker, prompt = (
            torch.from_numpy(heard.condition.speaker)[None],
            torch.from_numpy(heard.condition.prompt)[None],
        )
        tokens, mel, xvector = map(torch.from_numpy, heard[1:])
        t3 = {
            "speaker_emb": speaker,
            "clap_emb": None,
            "cond_prompt_speech_tokens": prompt,
            "cond_prompt_speech_emb": None,
            "emotion_adv": torch.full((1, 1, 1), 0.5),
        }
        gen = {
            "prompt_token": tokens,
            "prompt_token_len": torch.tensor([tokens.shape[1]]),
            "prompt_feat": mel.transpose(1, 2),
            "prompt_feat_len": None,
            "embedding": xvector,
        }
        torch.save({"t3": t3, "gen": gen}, folder / "conds.pt")
        kept = read_conditions(folder / "conds.pt", 0.5)
        same = zip(
            (*vars(kept.condition).values(), *kept[1:]),
            (*vars(heard.condition).values(), *heard[1:]),
            strict=True,
        )
        assert all(np.array_equal(found, expected) for found, expected in same)
        say(tmp_path / "out.wav", weights=folder, max_tokens=5)
        del gen["embedding"]
        torch.save({"t3": t3, "gen": gen}, folder / "conds.pt")
        with pytest.raises(CheckpointError, match="no voice of Chatterbox"):
            read_conditions(folder / "conds.pt", 0.5)

    def test_missing_parts_are_named_with_what_to_put_where(
        self, auscult: Cli, folder: Path, tmp_path: Path
    ) -> None:
        def said(place: Path, *options: str) -> str:
            ran = auscult(
                "run",
                "chatterbox",
                "--text",
                "x",
                "--weights",
                place,
                "-o",
                tmp_path / "out.wav",
                *options,
            )
            assert (ran.exit_code, ran.out) == (2, "")
            return str(ran.err)

        assert "is no folder" in said(tmp_path / "nowhere")
        (tmp_path / "empty").mkdir()
        assert "holds no T3 and no S3Gen and no tokenizer" in said(tmp_path / "empty")
        assert (
            "put t3_cfg.safetensors, s3gen.safetensors (or .pt), ve.safetensors and tokenizer.json"
            in said(tmp_path / "empty")
        )
        assert "give --voice RECORDING, or put conds.pt" in said(folder)
        (folder / "tokenizer.json").unlink()
        assert "holds no tokenizer" in said(folder)
        assert not (tmp_path / "out.wav").exists()

    def test_without_the_voice_encoder_a_recording_is_no_voice(
        self, folder: Path, tmp_path: Path, recording: Path
    ) -> None:
        (folder / "ve.safetensors").unlink()
        with pytest.raises(UsageError, match="needs the voice encoder"):
            say(tmp_path / "out.wav", weights=folder, voice=recording)

    def test_damaged_and_exchanged_files_are_refused(self, folder: Path, model: Any) -> None:
        state = arrays(model.t3)
        save_file(
            {name: value for name, value in state.items() if "layers.1.mlp.up" not in name},
            folder / "t3_cfg.safetensors",
        )
        with pytest.raises(CheckpointError, match="does not fit the model"):
            open_runtime(find_chatterbox_files(folder))
        (folder / "t3_cfg.safetensors").write_bytes((folder / "ve.safetensors").read_bytes())
        with pytest.raises(CheckpointError, match="is no chatterbox-t3 checkpoint"):
            open_runtime(find_chatterbox_files(folder))

    def test_turbo_and_the_multilingual_model_are_refused_by_name(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        right = read
        for config, said in (
            (t3_config.TURBO, "is Turbo's T3"),
            (t3_config.PUBLISHED["multilingual"], "is the multilingual T3"),
        ):

            def other(path: Path, part: str, config: Any = config) -> Any:
                return ({}, config) if part == "t3" else right(path, part)

            monkeypatch.setattr(open_runtime_module, "read", other)
            with pytest.raises(UsageError, match=said) as refused:
                open_runtime(find_chatterbox_files(folder))
            assert refused.value.hint is not None
            assert "t3_cfg.safetensors" in refused.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tiny": True, "weights": "here"},
        {"tiny": True, "max_tokens": 999},
        {"tiny": True, "guidance": -1.0},
        {"tiny": True, "tokens": np.array([], np.int64)},
    ],
)
def test_requests_that_make_no_sense(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        run_chatterbox(TEXT, tmp_path / "out.wav", **options)
    with pytest.raises(UsageError, match="no text"):
        run_chatterbox("  ", tmp_path / "out.wav", tiny=True)


def test_a_model_that_ends_at_once_has_said_nothing(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def first(self) -> Any:
            rows = np.zeros((2, 32), np.float32)
            rows[:, 28] = 99.0
            return rows

    monkeypatch.setattr(runtimes.ChatterboxRuntime, "decoder", lambda *_given, **_options: Silent())
    with pytest.raises(AudioError, match="ended before it said anything"):
        run_chatterbox(TEXT, tmp_path / "out.wav", tiny=True)


def test_the_noise_is_of_the_kinds_that_the_models_draw(model: Any) -> None:
    noise = model.draw(20, 30, 0)
    assert (noise.flow.shape, noise.phases.shape, noise.source.shape) == (
        (1, 8, 100),
        (1, 3),
        (1, 3, 40 * 480),
    )
    assert noise.phases[0, 0] == 0
    assert abs(noise.source.std() - 1) < 0.02
    assert not np.array_equal(noise.flow, model.draw(20, 30, 1).flow)
    assert replace(model).sample_rate == 24_000


def test_a_streamed_file_grows_chunk_by_chunk(auscult: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    ran = auscult(
        "run", "chatterbox", "--text", TEXT, "--tiny", "--stream", "--chunk", "0.2", "-o", str(out)
    )
    assert (ran.exit_code, ran.err) == (0, "")
    facts = say(tmp_path / "again.wav", tiny=True, chunk_seconds=0.2)
    assert facts["settings"]["chunks"] > 2
    assert 0 < facts["first_seconds"] < facts["took_seconds"]
    assert facts["seconds"] == len(facts["speech_tokens"]) / 25
    np.testing.assert_array_equal(samples(out), samples(tmp_path / "again.wav"))
    with pytest.raises(UsageError, match="a chunk has some length"):
        say(out, tiny=True, chunk_seconds=0.0)


def test_a_device_that_is_not_there_is_told_before_anything_is_written(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    output = tmp_path / "a.wav"
    with pytest.raises(UsageError, match="no NVIDIA GPU"):
        run_chatterbox("Good morning.", output, tiny=True, device="cuda")
    assert not output.exists()
