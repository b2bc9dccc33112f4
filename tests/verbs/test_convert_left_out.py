"""convert: every weight of the source is in the result, or was named by the user; the rest is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from auscult.errors import AuscultError, RecipeError, UsageError
from auscult.finding import Skip
from auscult.recipe import Recipe
from auscult.recipe.stream import RecipeStream
from auscult.report.sections.convert import ConvertSection
from auscult.report.text import render
from auscult.verbs.convert.convert import WriteOptions, convert
from auscult.verbs.convert.left_out import is_bookkeeping
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint, Quantization, Tensor
from tests.conftest import Ran
from tests.verbs.convert_samples import equal, floats, leftovers


def output_of(report: Report) -> Any:
    assert isinstance(report.section, ConvertSection)
    return report.section.output


def buckets_of(report: Report) -> dict[str, float]:
    """The coverage without its empty buckets."""
    assert report.coverage is not None
    return {bucket: count for bucket, count in report.coverage.buckets.items() if count}


@pytest.fixture
def partly_read() -> Checkpoint:
    """A weight that was read, one that could not be, and a remark that is no weight."""
    skips = (Skip("b.weight", "of an unknown type", is_weight=True), Skip("config", "is no tensor"))
    return replace(Checkpoint.of({"a.weight": floats(3, 4)}), skips=skips)


def test_a_weight_that_was_not_read_stops_the_conversion(
    partly_read: Checkpoint, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=r"1 weight that cannot be read.*b\.weight.*--drop"):
        convert(partly_read, tmp_path / "out.safetensors")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("pattern", ["b.weight", "b.*", "*.weight"])
def test_the_user_may_leave_it_out(partly_read: Checkpoint, tmp_path: Path, pattern: str) -> None:
    source = replace(partly_read, tensors={**partly_read, "c.bias": Tensor.of("c.bias", floats(3))})
    report = convert(source, tmp_path / "out.npz", options=WriteOptions(drop=(pattern,)))
    dropped = 2 if pattern == "*.weight" else 1
    assert buckets_of(report) == {"identical": 3 - dropped - 0, "dropped": dropped}
    assert "b.weight" in output_of(report)["dropped"]
    assert report.verdict is Verdict.PASS


def test_what_was_read_is_converted_whole(tmp_path: Path) -> None:
    """The control: nothing is left out, and no line of the report speaks of it."""
    report = convert(Checkpoint.of({"a": floats(3, 4)}), tmp_path / "out.npz")
    assert buckets_of(report) == {"identical": 1}
    assert not {"dropped", "bookkeeping", "not_taken", "dequantised"} & set(output_of(report))


def test_a_name_that_no_tensor_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--drop x\.\*: no tensor has such a name"):
        convert(
            Checkpoint.of({"a": floats(3)}), tmp_path / "o.npz", options=WriteOptions(drop=("x.*",))
        )


def test_nothing_to_convert_is_an_error(partly_read: Checkpoint, tmp_path: Path) -> None:
    for source, drop in ((partly_read, ("*",)), (replace(partly_read, tensors={}, skips=()), ())):
        with pytest.raises(RecipeError, match="no tensors to convert"):
            convert(source, tmp_path / "out.npz", options=WriteOptions(drop=drop))


def test_a_weight_that_the_template_lacks_stops_the_conversion(tmp_path: Path) -> None:
    arrays = {"a.weight": floats(3, 4), "extra.weight": floats(5, 4), "steps": np.array(7)}
    template = Checkpoint.of({"x.weight": arrays["a.weight"]})
    with pytest.raises(RecipeError, match=r"1 weight that the result has no place for.*extra"):
        convert(Checkpoint.of(arrays), tmp_path / "out.npz", like=template)
    assert leftovers(tmp_path) == []
    report = convert(
        Checkpoint.of(arrays),
        tmp_path / "out.npz",
        like=template,
        options=WriteOptions(drop=("extra.*",), save_recipe=tmp_path / "r.json"),
    )
    assert buckets_of(report) == {"identical": 1, "dropped": 1, "bookkeeping": 1}
    assert output_of(report)["bookkeeping"] == ["steps"]
    assert equal(tmp_path / "out.npz", {"x.weight": arrays["a.weight"]})
    again = convert(
        Checkpoint.of(arrays), tmp_path / "again.npz", recipe=Recipe.load(tmp_path / "r.json")
    )
    assert buckets_of(again) == {"identical": 1, "dropped": 1, "bookkeeping": 1}


def test_a_copy_of_what_is_kept_is_no_loss(tmp_path: Path) -> None:
    arrays = {"head.weight": floats(5, 4), "embed.weight": floats(5, 4)}
    template = Checkpoint.of({"head.weight": arrays["head.weight"]})
    report = convert(Checkpoint.of(arrays), tmp_path / "out.npz", like=template)
    assert output_of(report)["bookkeeping"] == ["embed.weight"]


def test_other_groups_of_the_file_are_said(tmp_path: Path) -> None:
    weights = {"a.weight": torch.ones(3, 2)}
    averages = {"exp_avg": torch.zeros(3, 2)}
    torch.save({"state_dict": weights, "optimizer": averages}, tmp_path / "c.ckpt")
    report = convert(tmp_path / "c.ckpt", tmp_path / "out.npz")
    assert buckets_of(report) == {"identical": 1, "not_taken": 1}
    assert output_of(report)["not_taken"] == [
        {"container": '["optimizer"]', "kind": "optimizer", "tensors": 1}
    ]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array(3), True),
        (np.arange(4), True),
        (np.array([True, False]), True),
        (np.array(0.5, np.float32), False),
        (np.array([0.5], np.float16), False),
        (np.ones((4, 4), np.uint8), False),
    ],
)
def test_what_counts_as_bookkeeping(array: Any, expected: bool) -> None:
    assert is_bookkeeping(Tensor.of("x", array)) is expected


def test_quantised_weights_become_real_numbers_within_their_bound(tmp_path: Path) -> None:
    """int8 rows with their scales, as bitsandbytes keeps them."""
    weight = floats(8, 64)
    scales = np.abs(weight).max(axis=1)
    codes = np.round(weight / scales[:, None] * 127).astype(np.int8)
    quantised = {"a.weight": codes, "a.SCB": scales, "a.bias": floats(8)}
    save_file(quantised, tmp_path / "q.safetensors")
    report = convert(tmp_path / "q.safetensors", tmp_path / "out.safetensors", to="torch",
                     from_layout="torch")  # fmt: skip
    assert report.verdict is Verdict.EQUIVALENT
    assert buckets_of(report) == {"identical": 1, "dequantised": 1}
    [kind] = output_of(report)["dequantised"]
    assert kind["storage"].startswith("8-bit")
    assert output_of(report)["read_back"] == 2
    assert "proven: read back, all 2 tensors" in render(report)
    written = Checkpoint.of(dict(_load(tmp_path / "out.safetensors")))
    error = np.abs(written["a.weight"].numpy() - weight).max()
    assert 0 < error <= kind["largest_error"] <= np.abs(weight).max() / 127


def test_one_number_with_a_scale_stays_one_number(tmp_path: Path) -> None:
    """The epsilon of a norm, which LiteRT quantises too."""
    affine = Quantization(np.array([1e-6], np.float32), np.array([-128]))
    tensor = replace(Tensor.of("eps", np.array(127, np.int8)), quantization=affine)
    convert(Checkpoint("memory", "memory", {"eps": tensor}), tmp_path / "out.safetensors")
    [value] = _load(tmp_path / "out.safetensors").values()
    assert value.shape == ()
    assert value == np.float32(255) * np.float32(1e-6)


def test_a_damaged_scale_has_no_bound(tmp_path: Path) -> None:
    codes = np.ones((4, 64), np.int8)
    scales = np.array([1, np.inf, 1, 1], np.float32)
    save_file({"a.weight": codes, "a.SCB": scales}, tmp_path / "q.safetensors")
    with pytest.raises(AuscultError, match="not finite"):
        convert(tmp_path / "q.safetensors", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_the_command_takes_drop_more_than_once(auscult: Callable[..., Ran], tmp_path: Path) -> None:
    save_file({"a": floats(2), "b": floats(3), "c": floats(4)}, tmp_path / "in.safetensors")
    target = tmp_path / "out.npz"
    ran = auscult("convert", tmp_path / "in.safetensors", target, "--drop", "a", "--drop", "b*")
    assert ran.exit_code == 0
    assert "3 tensors = 1 identical + 2 dropped" in ran.out
    assert "left out, as asked: a, b" in ran.out
    assert equal(target, {"c": floats(4)})


def _load(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return dict(load_file(path))


@pytest.mark.parametrize("name", ["out.safetensors", "out.pth", "out.npz"])
def test_a_file_that_does_not_hold_what_was_decoded_gets_no_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = np.arange(256, dtype=np.int8).reshape(4, 64)
    quantised: dict[str, Any] = {"a.weight": codes, "a.SCB": np.ones(4, np.float32)}
    save_file(quantised, tmp_path / "q.safetensors")
    report = convert(tmp_path / "q.safetensors", tmp_path / f"right_{name}")
    assert output_of(report)["read_back"] == 1
    write_right_bytes = RecipeStream.pieces

    def write_other_bytes(stream: RecipeStream) -> Iterator[Any]:
        for index, piece in write_right_bytes(stream):
            yield index, memoryview(bytes(255 - byte for byte in piece))

    monkeypatch.setattr(RecipeStream, "pieces", write_other_bytes)
    with pytest.raises(AuscultError, match="read back with other numbers"):
        convert(tmp_path / "q.safetensors", tmp_path / name)
    assert not (tmp_path / name).exists()
