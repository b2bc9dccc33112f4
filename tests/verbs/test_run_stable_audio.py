"""`auscult run stable-audio`, end to end on tiny random models: what is written, what is warned of, what is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from auscult.errors import AudioError, CheckpointError, UsageError  # noqa: E402
from auscult.families.stable_audio.config import TINY  # noqa: E402
from auscult.families.stable_audio.files import apply_settings, find_stable_audio_files  # noqa: E402
from auscult.families.stable_audio.generate import Request, fitted, generate  # noqa: E402
from auscult.families.stable_audio.inpaint import masked_input  # noqa: E402
from auscult.families.stable_audio.prompt import bytes_as_tokens, padded  # noqa: E402
from auscult.families.stable_audio.runtimes import (  # noqa: E402
    build_torch_model,
    open_runtime,
    read_state,
    tiny_runtime,
)
from auscult.verbs.run.stable_audio import run_stable_audio  # noqa: E402
from auscult.verdict import Verdict  # noqa: E402
from tests.conftest import Ran  # noqa: E402

Cli = Callable[..., Ran]


def samples(path: Path) -> Any:
    return soundfile.read(str(path), dtype="float32", always_2d=True)[0].T


def request(tokens: Any, **options: Any) -> Request:
    return Request(tokens("rain"), {"seconds_total": 4.0}, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tiny model's parts, laid out as the real ones are."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    runtime: Any = tiny_runtime("torch")[0]
    place = tmp_path / "weights"
    (place / "t5-base").mkdir(parents=True)
    state = {
        name: np.ascontiguousarray(value.numpy())
        for name, value in runtime._model.state_dict().items()
    }
    save_file(state, place / "model.safetensors")
    words = {
        name: value.numpy()
        for name, value in runtime._text.state_dict().items()
        if name != "encoder.embed_tokens.weight"
    }
    save_file(
        {name: np.ascontiguousarray(value) for name, value in words.items()},
        place / "t5-base" / "model.safetensors",
    )
    tokenizer = Tokenizer(
        WordLevel({"<pad>": 0, "</s>": 1, "rain": 7, "on": 8, "tin": 9, "?": 2}, unk_token="?")
    )
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(place / "t5-base" / "tokenizer.json"))
    return place


def settings(path: Path, **changes: Any) -> Path:
    told = {
        "sample_rate": 8000,
        "sample_size": 1024,
        "model": {
            "diffusion": {
                "diffusion_objective": "rf_denoiser",
                "cross_attention_cond_ids": ["prompt", "seconds_total"],
                **changes,
            },
            "conditioning": {
                "configs": [
                    {"id": "prompt", "type": "t5", "config": {"max_length": 12}},
                    {
                        "id": "seconds_total",
                        "type": "number",
                        "config": {"min_val": 0, "max_val": 256},
                    },
                ]
            },
            "pretransform": {"config": {"decoder": {"config": {"final_tanh": False}}}},
        },
    }
    path.write_text(json.dumps(told))
    return path


@pytest.mark.parametrize("runtime", ["torch", "mlx"])
def test_a_tiny_run_writes_stereo_sound_at_the_models_loudness(
    auscult: Cli, tmp_path: Path, runtime: str
) -> None:
    if runtime == "mlx":
        pytest.importorskip("mlx.core")
    out = tmp_path / "out.wav"
    ran = auscult(
        "run",
        "stable-audio",
        "--prompt",
        "rain",
        "--tiny",
        "--seconds",
        "0.1",
        "--runtime",
        runtime,
        "-o",
        out,
    )
    assert ran.exit_code == 0
    assert ran.out.startswith("PASS  a tiny random model\nwrote ")
    assert soundfile.info(str(out)).samplerate == 8000
    model, tokens = tiny_runtime(runtime)  # type: ignore[arg-type]
    made = generate(model, Request(tokens("rain"), {"seconds_total": 0.1}))
    assert samples(out).shape == (2, 800)
    np.testing.assert_array_equal(
        samples(out), made.audio[:, :800]
    )  # left is left, and every bit is the model's


def test_the_same_seed_is_the_same_sound_in_both_frameworks(tmp_path: Path) -> None:
    pytest.importorskip("mlx.core")
    (one, tokens), (two, _) = tiny_runtime("torch"), tiny_runtime("mlx")
    for options in (
        {"seed": 3},
        {"sampler": "euler", "guidance": 4.0, "steps": 5},
        {"initial": np.ones((1, 300), np.float32)},
    ):
        sounds = [generate(runtime, request(tokens, **options)).audio for runtime in (one, two)]
        assert np.abs(sounds[0] - sounds[1]).max() < 1e-4 * np.abs(sounds[0]).max()
    assert not np.allclose(
        generate(one, request(tokens, seed=4)).audio, generate(one, request(tokens, seed=3)).audio
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--sampler", "rk4", "--steps", "2"),
            "rk4 with guidance 6 does not fit a model of the objective rf_denoiser",
        ),
        (("--guidance", "5"), "guidance 5 does not fit a model of the objective rf_denoiser"),
        (
            ("--sampler", "euler", "--guidance", "1"),
            "euler does not fit a model of the objective rf_denoiser",
        ),
    ],
)
def test_a_sampler_that_does_not_fit_is_warned_of(
    auscult: Cli, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    ran = auscult(
        "run", "stable-audio", "--prompt", "rain", "--tiny", "-o", tmp_path / "out.wav", *options
    )
    assert ran.exit_code == 0
    assert f"warning sampler-mismatch (PAR043): {said}" in ran.out
    assert "--sampler pingpong --steps 8 --guidance 1" in ran.out


def test_a_sampler_of_another_objective_is_refused(auscult: Cli, tmp_path: Path) -> None:
    ran = auscult(
        "run",
        "stable-audio",
        "--prompt",
        "rain",
        "--tiny",
        "-o",
        tmp_path / "out.wav",
        "--sampler",
        "ddim",
    )
    assert (ran.exit_code, ran.err) == (
        2,
        "auscult: ddim: is not defined for a model of the objective rf_denoiser; take pingpong\n",
    )
    assert not (tmp_path / "out.wav").exists()


class TestWeights:
    """What is looked for in the folder, and what is said when it is not there."""

    def test_the_folders_model_sounds_as_the_one_in_memory(
        self, auscult: Cli, folder: Path, tmp_path: Path
    ) -> None:
        settings(folder / "model_config.json")
        out = tmp_path / "out.wav"
        ran = auscult(
            "run",
            "stable-audio",
            "--prompt",
            "rain on tin",
            "--weights",
            folder,
            "--seconds",
            "0.128",
            "-o",
            out,
        )
        assert ran.exit_code == 0, ran.err
        made = generate(
            tiny_runtime("torch")[0], Request(padded([7, 8, 9, 1], 12), {"seconds_total": 0.128})
        )
        np.testing.assert_allclose(samples(out), made.audio, atol=1e-6)

    def test_weights_stay_in_the_file_and_are_read_again(self, folder: Path) -> None:
        config, state = read_state(folder / "model.safetensors")
        model = build_torch_model(config, state).eval()
        for name, parameter in model.named_parameters():
            assert parameter.data_ptr() == state[name].ctypes.data, name
            assert not state[name].flags.owndata, name
        given = {
            "x": torch.ones(1, 8, 64),
            "t": torch.ones(1),
            "cross": torch.ones(1, 13, 24),
            "globals": torch.ones(1, 24),
        }
        with torch.inference_mode():
            torch.testing.assert_close(model(**given), model(**given), rtol=0, atol=0)

    def test_settings_come_from_the_config_file(self, folder: Path) -> None:
        shift = {"base_shift": 0.4, "min_length": 32}
        path = settings(
            folder / "model_config.json", diffusion_objective="v", distribution_shift_options=shift
        )
        config = apply_settings(TINY, path)
        assert (config.objective, config.shift, config.frames) == ("v", (0.4, 1.15, 32, 4096), 64)
        path.write_text('{"model": 3}')
        with pytest.raises(CheckpointError, match="no model config"):
            apply_settings(TINY, path)

    def test_missing_parts_are_named_with_their_place(
        self, auscult: Cli, folder: Path, tmp_path: Path
    ) -> None:
        def said(place: Path) -> str:
            ran = auscult(
                "run",
                "stable-audio",
                "--prompt",
                "x",
                "--weights",
                place,
                "-o",
                tmp_path / "out.wav",
            )
            assert (ran.exit_code, ran.out) == (2, "")
            return ran.err

        assert "is no folder" in said(tmp_path / "nowhere")
        (tmp_path / "empty").mkdir()
        assert (
            "put model.safetensors or model.ckpt of stabilityai/stable-audio-open-small there"
            in said(tmp_path / "empty")
        )
        (folder / "t5-base" / "model.safetensors").unlink()
        assert f"put T5-base's model.safetensors in {folder / 't5-base'}" in said(folder)
        (folder / "t5-base" / "tokenizer.json").unlink()
        assert "holds no T5 tokenizer" in said(folder)

    def test_another_model_is_not_taken_for_it(self, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(
            (folder / "t5-base" / "model.safetensors").read_bytes()
        )
        with pytest.raises(CheckpointError, match="is no stable-audio checkpoint"):
            open_runtime(folder)
        assert find_stable_audio_files(folder).export is None


def test_a_loud_sound_keeps_its_peak_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auscult.verbs.run import stable_audio as verb

    def loud(*given: Any, **options: Any) -> Any:
        made = generate(*given, **options)
        return replace(made, audio=made.audio * np.float32(3 / np.abs(made.audio).max()))

    monkeypatch.setattr(verb, "generate", loud)
    out = tmp_path / "out.wav"
    report = run_stable_audio("x", out, tiny=True)
    assert report.verdict is Verdict.PASS
    assert float(np.abs(samples(out)).max()) == pytest.approx(3.0)
    assert report.extra["run"]["peak"] == pytest.approx(3.0)
    run_stable_audio("x", out, tiny=True, normalize=True)
    assert float(np.abs(samples(out)).max()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either the folder of the weights or --tiny"),
        ({"tiny": True, "weights": "here"}, "either the folder of the weights or --tiny"),
        (
            {"tiny": True, "seconds": 99.0},
            r"no sound of that length \(expected above 0 and at most 0.13 s, found 99 s\)",
        ),
        ({"tiny": True, "seconds": 0.0}, "found 0 s"),
        ({"tiny": True, "seconds": -1.0}, "found -1 s"),
        ({"tiny": True, "seconds": float("nan")}, "found nan s"),
        ({"tiny": True, "inpaint": "x.wav"}, "does not inpaint"),
        ({"tiny": True, "keep": ((0.0, 1.0),)}, "does not inpaint"),
        ({"tiny": True, "negative": "snow"}, "does nothing without guidance"),
        ({"tiny": True, "guidance": float("nan")}, "no number to multiply by"),
        ({"tiny": True, "seed": -1}, "0 or more"),
        ({"tiny": True, "init_audio": "x.wav", "init_noise": 0.0}, "above 0 and at most at 1"),
        ({"tiny": True, "init_audio": "x.wav", "init_noise": 2.0}, "above 0 and at most at 1"),
    ],
)
def test_requests_that_make_no_sense(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    for option in ("inpaint", "init_audio"):
        if option in options:
            soundfile.write(tmp_path / "x.wav", np.zeros(100), 8000)
            options = {**options, option: tmp_path / "x.wav"}
    with pytest.raises(UsageError, match=said):
        run_stable_audio("x", tmp_path / "out.wav", **options)
    assert not (tmp_path / "out.wav").exists()


def test_what_cannot_be_read_or_written_is_said_before_the_model_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(*_: Any) -> Any:
        raise AssertionError("too late")

    monkeypatch.setattr("auscult.verbs.run.stable_audio.tiny_runtime", built)
    with pytest.raises(UsageError, match="no folder to write to"):
        run_stable_audio("x", tmp_path / "nowhere" / "out.wav", tiny=True)
    with pytest.raises(AudioError, match="there is no such file"):
        run_stable_audio("x", tmp_path / "out.wav", tiny=True, init_audio=tmp_path / "none.wav")


class TestInpainting:
    """The mask and the known latent beside the noise."""

    CONFIG = replace(TINY, concat=TINY.latent + 1)

    def test_the_mask_is_one_where_the_sound_is_known(self) -> None:
        known = np.random.default_rng(0).standard_normal((1, 8, 64)).astype(np.float32)
        beside = masked_input(self.CONFIG, known, [(0.0, 0.032), (0.1, 0.128)])
        frames = np.arange(64) * 16 / 8000
        kept = ((frames < 0.032) | (frames >= 0.1)).astype(np.float32)
        np.testing.assert_array_equal(beside[0, 0], kept)
        np.testing.assert_array_equal(beside[0, 1:], known[0] * kept)

    def test_spans_that_cannot_be_kept(self) -> None:
        with pytest.raises(UsageError, match="no span"):
            masked_input(self.CONFIG, None, [(2.0, 1.0)])
        with pytest.raises(UsageError, match="no sound"):
            masked_input(self.CONFIG, None, [(0.0, 1.0)])

    def test_it_runs_and_what_is_kept_changes_it(self) -> None:
        runtime, tokens = tiny_runtime("torch", self.CONFIG)
        sound = np.random.default_rng(1).standard_normal((2, 900)).astype(np.float32)
        made = [
            generate(runtime, request(tokens, inpaint=sound, keep=keep)).audio
            for keep in ((), ((0.0, 0.05),))
        ]
        assert made[0].shape == (2, 1024)
        assert not np.allclose(made[0], made[1])


def test_sound_is_fitted_to_the_models_channels_and_length() -> None:
    assert fitted(np.ones((1, 10), np.float32), TINY)[:, :11].tolist() == [[1.0] * 10 + [0.0]] * 2
    assert fitted(np.ones((5, 9000), np.float32), TINY).shape == (2, 1024)
    assert fitted(np.array([[1.0], [3.0]], np.float32), replace(TINY, vae_channels=1))[0, 0] == 2.0


def test_bytes_as_tokens_end_and_pad() -> None:
    tokens = bytes_as_tokens("ab", 320, 6)
    assert tokens.ids.tolist() == [[3 + 97, 3 + 98, 1, 0, 0, 0]]
    assert tokens.mask.tolist() == [[1, 1, 1, 0, 0, 0]]
    assert bytes_as_tokens("a" * 99, 320, 6).ids[0, -1] == 1


def test_a_device_that_is_not_there_is_told_before_anything_is_written(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    output = tmp_path / "a.wav"
    with pytest.raises(UsageError, match="no NVIDIA GPU"):
        run_stable_audio("rain", output, tiny=True, device="cuda")
    assert not output.exists()
