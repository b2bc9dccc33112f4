"""What a model is run on, from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save_file

from auscult.errors import UsageError
from auscult.runtime.capture_run import capture
from auscult.runtime.inputs import collect_inputs, read_inputs
from auscult.runtime.roles import bind_arguments, split_arguments
from auscult.traces.npy_folder import key_from_stem, read_npy_folder
from tests.traced_networks import Vocoder

A, B = np.ones((1, 3), np.float32), np.zeros((2, 2), np.int64)


def test_arrays_come_from_any_kind_of_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mel=A, ids=B)
    save_file({"0": A, "mask": B}, tmp_path / "a.safetensors")
    np.save(tmp_path / "a.npy", A)
    soundfile.write(tmp_path / "a.wav", np.linspace(-0.5, 0.5, 100), 8000, subtype="FLOAT")
    assert {k: v.shape for k, v in read_inputs(str(tmp_path / "a.npz")).items()} == {
        "mel": (1, 3),
        "ids": (2, 2),
    }
    found = read_inputs(
        [str(tmp_path / name) for name in ("a.safetensors", "a.npy", "a.wav")]
        + [f"x={tmp_path / 'a.npy'}"]
    )
    assert {k: v.shape for k, v in found.items()} == {
        "0": (1, 3),
        "mask": (2, 2),
        "1": (1, 3),
        "2": (1, 1, 100),
        "x": (1, 3),
    }


def test_a_trace_gives_what_the_whole_model_took(tmp_path: Path) -> None:
    mel = np.random.default_rng(0).standard_normal((1, 8, 6)).astype(np.float32)
    first = capture(Vocoder(), {"mel": mel}, tmp_path / "t.safetensors")
    again = capture(Vocoder(), str(tmp_path / "t.safetensors"))
    np.testing.assert_array_equal(again.tensor(again.find("")), first.tensor(first.find("")))  # type: ignore[arg-type]


def test_wrong_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    (tmp_path / "x.npz").write_bytes(b"PK\3\4")
    np.savez(tmp_path / "two.npz", a=A, b=B)
    np.save(tmp_path / "a.npy", A)
    np.save(tmp_path / "o.npy", np.array([object()]), allow_pickle=True)
    for files, message in (
        (["nothing.npz"], "is no file"),
        ([str(tmp_path / "x.txt")], "of no kind"),
        ([str(tmp_path / "x.npz")], "cannot be read"),
        ([str(tmp_path / "o.npy")], "cannot be read"),
        ([f"n={tmp_path / 'two.npz'}"], "several arrays"),
        ([str(tmp_path / "two.npz"), f"a={tmp_path / 'a.npy'}"], "a second time"),
        ([], "no inputs"),
    ):
        with pytest.raises(UsageError, match=message):
            read_inputs(files)


def test_names_become_positions_where_the_signature_has_them() -> None:
    def forward(mel: object, f0: object = None, *, mask: object = None) -> None: ...

    assert bind_arguments(forward, {"mel": 1, "mask": 2}) == ([1], {"mask": 2})
    assert bind_arguments(forward, {"f0": 1, "mel": 2}) == ([2, 1], {})
    assert bind_arguments(forward, {"anything": 1}) == ([1], {})
    assert bind_arguments(forward, {"mask": 1}) == ([], {"mask": 1})
    assert split_arguments({"input.1": 1, "input": 0, "input.mask": 2}) == ([0, 1], {"mask": 2})


@pytest.mark.parametrize(
    ("stem", "key"),
    [
        ("0007__decoder.ups.0__output", "decoder.ups.0#0:output"),
        ("0007__decoder.ups.0__c2__input.mask", "decoder.ups.0#2:input.mask"),
        ("ups.0", "ups.0#0:output"),
        ("0000__input", "#0:input"),
        ("12__output.1", "#0:output.1"),
        ("3__a__b__op.tanh.1", "a__b#0:op:tanh.1"),
        ("5__sampler__noise", "sampler#0:noise"),
    ],
)
def test_names_of_npy_files(stem: str, key: str) -> None:
    assert key_from_stem(stem) == key


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for stem in ("10__b", "9__a", "layer.10", "layer.9"):
        np.save(tmp_path / f"{stem}.npy", A)
    (tmp_path / "manifest.json").write_text(
        '{"framework": "cpp", "axes": "NC", "types": {"a": "Linear"}}'
    )
    trace = read_npy_folder(tmp_path)
    assert [record.path for record in trace] == ["a", "b", "layer.9", "layer.10"]
    assert (trace.manifest.framework, trace.records[0].axes, trace.records[0].type) == (
        "cpp",
        "NC",
        "Linear",
    )


def test_inputs_in_every_form(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    np.save(tmp_path / "mel.npy", array)
    given = {
        "input": array,
        "0": [array],
        "mel": {"mel": array},
    }
    for name, inputs in given.items():
        collected = collect_inputs(inputs)
        assert list(collected) == [name]
        np.testing.assert_array_equal(collected[name], array)
    for files in (tmp_path / "mel.npy", str(tmp_path / "mel.npy"), [tmp_path / "mel.npy"]):
        np.testing.assert_array_equal(collect_inputs(files)["0"], array)
    for nothing in (3, [], [array, "a.npy"], None):
        with pytest.raises(UsageError, match="is nothing that a model can be run on"):
            collect_inputs(nothing)


def test_inputs_that_are_tensors() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.ones(1, 2, 3, requires_grad=True)
    for inputs in (tensor, {"input": tensor}, {"input": tensor.to(torch.bfloat16)}):
        collected = collect_inputs(inputs)["input"]
        assert isinstance(collected, np.ndarray)
        np.testing.assert_array_equal(collected, np.ones((1, 2, 3)))
