"""The LiteRT export against the checkpoint that it was made of, and as a third runtime: the story of "the weights are bad"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ai_edge_litert")

from auscult.families.stable_audio.generate import Request, generate  # noqa: E402
from auscult.families.stable_audio.prompt import bytes_as_tokens  # noqa: E402
from auscult.families.stable_audio.runtime_litert import LitertRuntime, config_of  # noqa: E402
from auscult.families.stable_audio.runtimes import tiny_runtime  # noqa: E402
from auscult.finding import Severity  # noqa: E402
from auscult.verbs.diff.diff import diff  # noqa: E402
from auscult.verdict import Verdict  # noqa: E402
from tests.conftest import Ran  # noqa: E402
from tests.families.stable_audio.export import export  # noqa: E402
from tests.families.stable_audio.test_models import relative  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

TOKENS = 24  # the export tokenises to twice the model's length and cuts
Cli = Callable[..., Ran]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(checkpoint, T5, another training run's checkpoint), (the three files of the export)."""
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp("export")
    runtime: Any = tiny_runtime("torch")[0]
    state = {
        name: np.ascontiguousarray(value.numpy())
        for name, value in runtime._model.state_dict().items()
    }
    words = {
        name: value.numpy().copy()
        for name, value in runtime._text.state_dict().items()
        if "embed_tokens" not in name
    }
    rng = np.random.default_rng(9)
    other = {
        name: value
        if not value.any() or name.endswith("inv_freq")
        else rng.permutation(value.ravel()).reshape(value.shape)
        for name, value in state.items()
    }
    for name, arrays in (("model", state), ("t5", words), ("other", other)):
        save_file(arrays, folder / f"{name}.safetensors")
    exported = export(runtime._model, runtime._text, folder, tokens=TOKENS)
    return tuple(folder / f"{name}.safetensors" for name in ("model", "t5", "other")), exported


def list_lines(out: str) -> list[str]:
    """The lines of a report but for the next command, which only a report with findings has."""
    return [line for line in out.splitlines() if not line.startswith("next  ")]


def test_the_weights_are_the_same(auscult: Cli, files: Any) -> None:
    """Anonymous names, fused norms, permuted convolutions, 8-bit weights: equal, and the first lines say so."""
    (checkpoint, words, _), exported = files
    ran = auscult("diff", checkpoint, *exported, "--also-a", words)
    lines = list_lines(ran.out)
    assert ran.exit_code == 0
    assert lines[0].startswith("EQUIVALENT  ")
    assert lines[2].startswith("same weights: ")
    assert "134 exact, 24 within int8 error" in lines[2]
    assert lines[2].endswith(
        "90 only in a"
    )  # the encoder of the autoencoder, which the export leaves out
    assert "pretransform.model.encoder: 90 tensors: not in the graph" in ran.out
    assert "\nerror " not in ran.out  # as a finding has it


def test_without_t5_what_is_there_is_the_same(auscult: Cli, files: Any) -> None:
    """T5 comes in a file of its own: what only the export has is said, and contradicts nothing."""
    (checkpoint, _, _), exported = files
    ran = auscult("diff", checkpoint, *exported)
    assert (ran.exit_code, ran.out.splitlines()[0].split()[0]) == (0, "EQUIVALENT")
    assert list_lines(ran.out)[2].startswith("same weights: ")
    assert list_lines(ran.out)[2].endswith("19 only in b")
    assert "only in b: 19 tensors (16,344 values) of a part that" in ran.out
    assert "\nerror " not in ran.out


@pytest.mark.parametrize(
    "lost", ["transformer.layers.1.", "to_timestep_embed", "decoder.layers.2."]
)
def test_a_part_that_is_lost_is_no_part_of_another_file(
    files: Any, tmp_path: Path, lost: str
) -> None:
    from safetensors.numpy import load_file, save_file

    (checkpoint, _, _), exported = files
    save_file(
        {name: value for name, value in load_file(checkpoint).items() if lost not in name},
        tmp_path / "lost.safetensors",
    )
    report = diff(list(exported), tmp_path / "lost.safetensors")
    assert report.verdict is Verdict.DIVERGENT
    assert any(finding.severity is Severity.ERROR for finding in report.findings)


def test_another_training_run_is_told_apart(auscult: Cli, files: Any) -> None:
    (_, words, other), exported = files
    ran = auscult("diff", other, *exported, "--also-a", words)
    assert ran.exit_code == 1
    assert ran.out.startswith("DIVERGENT")
    assert "same weights" not in ran.out
    assert list_lines(ran.out)[2].startswith(
        "other weights: 48 matrices and filters have a partner of their shape"
    )


def test_another_training_runs_transformer_alone_is_told_apart(files: Any, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    (checkpoint, words, other), exported = files
    state, foreign = load_file(checkpoint), load_file(other)
    mixed = {name: (foreign if name.startswith("model.") else state)[name] for name in state}
    save_file(mixed, tmp_path / "mixed.safetensors")
    for side in ([tmp_path / "mixed.safetensors", words], tmp_path / "mixed.safetensors"):
        report = diff(side, list(exported))
        assert report.verdict is Verdict.DIVERGENT
        assert "same_weights" not in report.extra
        assert report.extra["other_weights"]["alike"] == 24


def test_litert_computes_what_torch_computes(files: Any) -> None:
    (_, _, _), (conditioners, transformer, autoencoder) = files
    ours, tokens = tiny_runtime("torch")
    theirs: Any = LitertRuntime(
        conditioners, transformer, autoencoder, config_of(transformer, autoencoder)
    )
    assert (theirs.config.frames, theirs.config.hop, theirs.tokens) == (64, 16, TOKENS)
    words, numbers = bytes_as_tokens("rain on tin", 320, TOKENS), {"seconds_total": 4.0}
    right: Any = ours.condition(tokens("rain on tin"), numbers)
    told = theirs.condition(words, numbers)
    assert relative(told.cross, right.cross.numpy()) < 1e-4
    assert relative(told.globals, right.globals.numpy()) < 1e-4
    latent = np.random.default_rng(0).standard_normal((1, 8, 64)).astype(np.float32)
    assert relative(theirs.decode(latent), ours.decode(ours.latent(latent))) < 1e-4
    for options in ({"sampler": "pingpong"}, {"sampler": "euler", "guidance": 3.0, "steps": 4}):
        request = Request(tokens("rain on tin"), numbers, **options)
        made = generate(theirs, replace(request, prompt=words))
        assert (
            relative(made.latent, generate(ours, request).latent) < 0.05
        )  # its weights have 8 bits


def test_the_export_runs_from_a_folder(auscult: Cli, files: Any, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    (_, _, _), exported = files
    Tokenizer(WordLevel({"<pad>": 0, "rain": 7, "?": 2}, unk_token="?")).save(
        str(tmp_path / "tokenizer.json")
    )
    for path in exported:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    ran = auscult(
        "run", "stable-audio", "--prompt", "rain", "--weights", tmp_path, "-o", tmp_path / "out.wav"
    )
    assert ran.exit_code == 0, ran.err
    assert "runtime litert" in ran.out
    ran = auscult(
        *(
            "run",
            "stable-audio",
            "--prompt",
            "rain",
            "--weights",
            tmp_path,
            "-o",
            tmp_path / "out.wav",
        ),
        *("--init-audio", tmp_path / "out.wav"),
    )
    assert (ran.exit_code, "the export has no encoder" in ran.err) == (2, True)


def test_library_and_command_agree(files: Any) -> None:
    (checkpoint, words, _), exported = files
    report = diff([checkpoint, words], list(exported))
    facts = report.extra["same_weights"]
    assert facts["only_in"] == {"a": 90, "b": 0}
    assert facts["exact"] > 100
    assert facts["rounded"]["int8"] == 24
