"""Targets that are code: what is found, what is called, and what is said when it does not work."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint.target import is_code, open_target, state_of
from auscult.errors import CheckpointError, TargetError, UsageError
from auscult.weights import Checkpoint


def script(folder: Path, text: str, name: str = "model_code.py") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("package.module:factory", True),
        ("module:Class.method", True),
        ("path/to/file.py:factory", True),
        (r"C:\models\net.py:factory", True),
        (r"C:\models\net.pth", False),
        ("C:/models/net.pth", False),
        ("generator.pth", False),
        ("folder/model.safetensors", False),
        ("file.py", False),
        ("not-a-module:factory", False),
    ],
)
def test_what_is_code(target: str, *, code: bool) -> None:
    assert is_code(target) is code


def test_a_file_with_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a:b").write_bytes(b"")
    assert not is_code("a:b")


def test_a_dict_of_arrays_with_arguments(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = script(
        tmp_path,
        "import numpy\ndef make(width=2):\n    print('noise')\n    return {'w': numpy.ones((width, 3), 'f4')}\n",
    )
    checkpoint = open_target(f"{path}:make", {"width": 5})
    assert checkpoint["w"].shape == (5, 3)
    assert "running your code" in caplog.text


def test_what_user_code_prints_stays_off_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(
        tmp_path,
        "import numpy\nprint('import noise')\ndef make():\n    print('call noise')\n    return {'w': numpy.ones(3)}\n",
    )
    open_target(f"{path}:make")
    out, err = capsys.readouterr()
    assert out == ""
    assert "import noise" in err
    assert "call noise" in err


def test_a_file_finds_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    script(tmp_path, "WIDTH = 7\n", "neighbour_of_target.py")
    text = """
        import numpy, neighbour_of_target
        class Net:
            @staticmethod
            def build():
                return {"w": numpy.zeros(neighbour_of_target.WIDTH)}
    """
    path = script(tmp_path, text)
    assert open_target(f"{path}:Net.build")["w"].shape == (7,)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("import no_such_package_xyz\n", "make", "install no_such_package_xyz"),
        ("def make(): raise ValueError('bad\\nconfig')\n", "make", "raised ValueError: bad config"),
        ("def make(): raise SystemExit(3)\n", "make", "raised SystemExit: 3"),
        ("def make(rate): return rate\n", "make", "arguments go in --kwargs"),
        ("def make_generator(): return {}\n", "make_generater", "did you mean make_generator?"),
        ("def other(): return {}\n", "xyz", "it has other"),
        ("make = 3\n", "make", "is neither callable nor a model (found int)"),
        ("def make(): return 3\n", "make", "gives no model"),
        (
            "def make(): return {'epoch': 3}\n",
            "make",
            "gives a dict without arrays (found keys ['epoch'])",
        ),
        ("def make(:\n", "make", "raised SyntaxError"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, text: str, name: str, expected: str) -> None:
    path = script(tmp_path, text)
    with pytest.raises(TargetError) as caught:
        open_target(f"{path}:{name}")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_module_and_no_such_file() -> None:
    with pytest.raises(TargetError, match="install no_such_module_xyz"):
        open_target("no_such_module_xyz.net:make")
    with pytest.raises(TargetError, match="there is no such file"):
        open_target("no/such/file.py:make")


def test_arguments_for_a_file_are_an_error() -> None:
    with pytest.raises(UsageError, match="takes no --kwargs"):
        open_target("model.pth", {"a": 1})


def test_containers_of_a_nested_dict(tmp_path: Path) -> None:
    path = script(
        tmp_path, "import numpy\ndef make(): return {'epoch': 1, 'model': {'w': numpy.ones(2)}}\n"
    )
    assert list(open_target(f"{path}:make", container="model")) == ["w"]
    assert list(open_target(f"{path}:make")) == ["w"]
    assert open_target(f"{path}:make").container == ("model",)
    with pytest.raises(CheckpointError, match="has no container"):
        open_target(f"{path}:make", container="ema")


def test_a_checkpoint_is_itself() -> None:
    checkpoint = Checkpoint.of({"w": np.ones(3)})
    assert state_of(checkpoint) is checkpoint


class TestTorch:
    """Live torch modules."""

    def test_tensors_and_modules(self) -> None:
        torch = pytest.importorskip("torch")
        net = torch.nn.Sequential(
            torch.nn.utils.parametrizations.weight_norm(
                torch.nn.Conv1d(4, 8, 5, stride=2, padding=2, dilation=3, groups=2)
            ),
            torch.nn.LeakyReLU(0.1),
            torch.nn.BatchNorm1d(8, eps=1e-3),
            torch.nn.MultiheadAttention(8, 2),
        )
        checkpoint = state_of(net, "net")
        assert checkpoint.format == "code:torch"
        assert list(checkpoint) == list(net.state_dict())
        conv = checkpoint.modules["0"]
        assert conv.type == "Conv1d"
        wanted = {
            "groups": 2,
            "stride": (2,),
            "padding": (2,),
            "dilation": (3,),
            "kernel_size": (5,),
            "in_channels": 4,
        }
        assert {name: conv.attributes[name] for name in wanted} == wanted
        assert checkpoint.modules["1"].attributes["negative_slope"] == 0.1
        assert checkpoint.modules["2"].attributes["eps"] == 1e-3
        assert checkpoint.modules["3"].attributes["num_heads"] == 2
        assert checkpoint["2.running_mean"].trainable is False
        assert checkpoint["2.weight"].trainable is True
        for name, value in net.state_dict().items():
            np.testing.assert_array_equal(checkpoint[name].numpy(), value.numpy())

    def test_tied_and_bfloat16_and_transposed(self) -> None:
        torch = pytest.importorskip("torch")
        net = torch.nn.ModuleDict(
            {"a": torch.nn.Linear(3, 4, bias=False), "b": torch.nn.Linear(3, 4, bias=False)}
        )
        net["b"].weight = net["a"].weight
        net["c"] = torch.nn.Linear(3, 4).bfloat16()
        net.register_buffer("view", torch.arange(6.0).reshape(2, 3).T)
        checkpoint = state_of(net)
        assert checkpoint.ties == (("a.weight", "b.weight"),)
        assert checkpoint["c.weight"].dtype == "bfloat16"
        np.testing.assert_array_equal(
            checkpoint["c.weight"].numpy().astype("f4"), net["c"].weight.detach().float().numpy()
        )
        np.testing.assert_array_equal(checkpoint["view"].flat(1, 4), [3, 1, 4])

    def test_meta_tensors_have_shapes_and_no_elements(self) -> None:
        torch = pytest.importorskip("torch")
        with torch.device("meta"):
            net = torch.nn.Linear(3, 4)
        checkpoint = state_of(net)
        assert checkpoint["weight"].shape == (4, 3)
        assert checkpoint.ties == ()
        with pytest.raises(CheckpointError, match="has no elements"):
            checkpoint["weight"].numpy()

    def test_a_module_object_is_not_called(self, tmp_path: Path) -> None:
        pytest.importorskip("torch")
        path = script(
            tmp_path,
            "import torch\nnet = torch.nn.Linear(2, 2)\nNet = torch.nn.LSTM\n",
            "torch_code.py",
        )
        assert list(open_target(f"{path}:net")) == ["weight", "bias"]
        assert (
            open_target(f"{path}:Net", {"input_size": 3, "hidden_size": 4})
            .modules[""]
            .attributes["hidden_size"]
            == 4
        )


class TestMlx:
    """Live MLX modules."""

    def test_tensors_and_modules(self) -> None:
        mx = pytest.importorskip("mlx.core")
        nn = pytest.importorskip("mlx.nn")
        net = nn.Sequential(
            nn.Conv1d(4, 8, 5, stride=2, padding=1, groups=2),
            nn.GroupNorm(2, 8, eps=1e-3),
            nn.Linear(8, 3),
        )
        net.layers[2].set_dtype(mx.bfloat16)
        net.layers[1].freeze()
        checkpoint = state_of(net, "net")
        assert checkpoint.format == "code:mlx"
        assert checkpoint["layers.0.weight"].shape == (8, 5, 2)
        conv = checkpoint.modules["layers.0"]
        assert conv.type == "Conv1d"
        wanted = {
            "groups": 2,
            "stride": 2,
            "padding": 1,
            "kernel_size": (5,),
            "in_channels": 4,
            "out_channels": 8,
        }
        assert {name: conv.attributes[name] for name in wanted} == wanted
        assert checkpoint.modules["layers.1"].attributes["eps"] == 1e-3
        assert checkpoint["layers.2.weight"].dtype == "bfloat16"
        assert checkpoint["layers.2.weight"].numpy().dtype.name == "bfloat16"
        assert checkpoint["layers.1.weight"].trainable is False
        np.testing.assert_array_equal(
            checkpoint["layers.0.bias"].numpy(), np.array(net.layers[0].bias)
        )
