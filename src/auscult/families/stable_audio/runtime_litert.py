# ruff: noqa: ARG002  (the method of the protocol that this runtime cannot do takes its arguments all the same)
"""Stable Audio Open run by LiteRT: the three files of Arm's export, and of exports like it.

Their inputs are told apart by shape and, where that leaves a choice, by name: exporters order them differently. The export has
a fixed length and no encoder. Source of the files' form: Arm-Examples/ML-examples, kleidiai-examples/audiogen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from auscult.errors import CheckpointError, UsageError
from auscult.facts.install import format_install_command
from auscult.families.stable_audio.config import OPEN_SMALL, Config
from auscult.families.stable_audio.generate import Floats, Tokens
from auscult.families.stable_audio.guidance import steered
from auscult.families.stable_audio.samplers import Model


class Conditioning(NamedTuple):
    """`cross` [1, tokens, cond_dim] and `globals` [1, global_dim]."""

    cross: Floats
    globals: Floats


class LitertRuntime:
    """See `auscult.families.stable_audio.generate.Runtime`; latents are numpy arrays."""

    name = "litert"

    def __init__(
        self, conditioners: Path, transformer: Path, autoencoder: Path, config: Config
    ) -> None:
        self.config = config
        self._conditioners, self._transformer = _Graph(conditioners), _Graph(transformer)
        self._autoencoder = _Graph(autoencoder)

    @property
    def tokens(self) -> int:
        """Length of the prompt that the conditioners take."""
        return max(
            self._conditioners.shape(name)[-1]
            for name in self._conditioners.inputs
            if self._is_integer(name)
        )

    def condition(self, prompt: Tokens, numbers: Mapping[str, float]) -> Conditioning:
        graph = self._conditioners
        words = [name for name in graph.inputs if self._is_integer(name)]
        floats = [name for name in graph.inputs if name not in words]
        if len(words) != 2 or len(floats) != len(self.config.numbers):
            raise CheckpointError(
                "takes other inputs than the conditioners do",
                where=graph.path,
                expected=f"ids, mask and {', '.join(self.config.numbers)}",
                found=", ".join(graph.inputs),
            )
        mask = next((name for name in words if "mask" in name), words[1])
        given: dict[str, Any] = {
            name: prompt.mask if name == mask else prompt.ids for name in words
        }
        for name, number in zip(floats, self.config.numbers, strict=True):
            given[name] = np.full(graph.shape(name), numbers[number], np.float32)
        outputs = graph(given)
        cross = graph.pick(
            outputs, (1, self.config.prompt_tokens + len(self.config.numbers), self.config.cond_dim)
        )
        return Conditioning(cross, graph.pick(outputs, (1, self.config.global_dim)))

    def _is_integer(self, name: str) -> bool:
        return self._conditioners.dtype(name).kind == "i"

    def unconditioned(self, conditioning: Conditioning) -> Conditioning:
        return Conditioning(np.zeros_like(conditioning.cross), conditioning.globals)

    def model(
        self,
        conditioning: Conditioning,
        against: Conditioning,
        guidance: float,
        interval: tuple[float, float] = (0.0, 1.0),
        concat: Floats | None = None,
    ) -> Model:
        graph = self._transformer
        if concat is not None:
            raise UsageError("an exported transformer does not inpaint", where=graph.path)
        shapes = (
            (1, self.config.latent, self.config.frames),
            (1,),
            conditioning.cross.shape,
            conditioning.globals.shape,
        )
        places = [graph.input_of(shape) for shape in shapes]

        def answer(x: Floats, time: float, told: Conditioning) -> Floats:
            values = (x, np.full((1,), time, np.float32), told.cross, conditioning.globals)
            return graph.pick(graph(dict(zip(places, values, strict=True))), x.shape)

        return steered(
            lambda x, time: answer(x, time, conditioning),
            lambda x, time: (answer(x, time, conditioning), answer(x, time, against)),
            guidance,
            self.config.objective,
            interval,
        )

    def latent(self, array: Floats) -> Floats:
        return array

    def array(self, latent: Floats) -> Floats:
        return np.asarray(latent, np.float32)

    def decode(self, latent: Floats) -> Floats:
        graph = self._autoencoder
        outputs = graph(
            {
                graph.input_of((1, self.config.latent, self.config.frames)): np.asarray(
                    latent, np.float32
                )
            }
        )
        sound = next(iter(outputs.values()))
        return np.asarray(sound.reshape(-1, sound.shape[-1]), np.float32)

    def encode(self, audio: Floats, noise: Floats) -> Floats:
        raise UsageError(
            "the export has no encoder", hint="use the torch or MLX runtime to begin from a sound"
        )


def config_of(transformer: Path, autoencoder: Path) -> Config:
    """The sizes that the exported files have; what they do not show is the small model's.

    Raises:
        CheckpointError: If the files' inputs and outputs are not a transformer's and a decoder's.
    """
    inner, outer = _Graph(autoencoder), _Graph(transformer)
    (_, latent, frames), sound = inner.shape(inner.inputs[0]), inner.output_shapes[0]
    crosses = [outer.shape(name) for name in outer.inputs if len(outer.shape(name)) == 3]
    cross = next((shape for shape in crosses if shape != (1, latent, frames)), None)
    if cross is None or sound[-1] % frames:
        raise CheckpointError(
            "takes no conditioning", where=outer.path, found=", ".join(map(str, crosses))
        )
    globals = next(
        (outer.shape(name)[1] for name in outer.inputs if len(outer.shape(name)) == 2), cross[2]
    )
    kernels = OPEN_SMALL.vae_kernels
    if sound[-1] // frames != OPEN_SMALL.hop:
        kernels = (
            2 * sound[-1] // frames,
        )  # one stride stands for all: the layers are inside the file
    return replace(
        OPEN_SMALL,
        latent=latent,
        cond_dim=cross[2],
        global_dim=globals,
        prompt_tokens=cross[1] - len(OPEN_SMALL.numbers),
        vae_channels=sound[-2],
        vae_kernels=kernels,
        sample_size=sound[-1],
    )


class _Graph:
    """A .tflite file with its inputs by name."""

    def __init__(self, path: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise UsageError(
                "running .tflite files needs LiteRT", hint=format_install_command("litert")
            ) from error
        self.path = str(path)
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=2)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"LiteRT refuses it: {' '.join(str(error).split())[:200]}", where=self.path
            ) from error
        self._details = {
            str(detail["name"]): detail for detail in self._interpreter.get_input_details()
        }
        self.inputs = tuple(self._details)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(int(side) for side in self._details[name]["shape"])

    def dtype(self, name: str) -> np.dtype[Any]:
        return np.dtype(self._details[name]["dtype"])

    @property
    def output_shapes(self) -> list[tuple[int, ...]]:
        return [
            tuple(int(side) for side in detail["shape"])
            for detail in self._interpreter.get_output_details()
        ]

    def input_of(self, shape: tuple[int, ...]) -> str:
        """The input of that shape."""
        found = [name for name in self.inputs if self.shape(name) == tuple(shape)]
        if len(found) != 1:
            raise CheckpointError(
                f"has {len(found)} inputs of the shape that the model takes",
                where=self.path,
                expected=list(shape),
                found=", ".join(f"{name} {list(self.shape(name))}" for name in self.inputs),
            )
        return found[0]

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Floats]:
        for name, value in inputs.items():
            detail = self._details[name]
            self._interpreter.set_tensor(
                detail["index"], np.ascontiguousarray(value, detail["dtype"])
            )
        self._interpreter.invoke()
        outputs = self._interpreter.get_output_details()
        return {
            str(detail["name"]): np.array(self._interpreter.get_tensor(detail["index"]))
            for detail in outputs
        }

    def pick(self, outputs: Mapping[str, Floats], shape: tuple[int, ...]) -> Floats:
        """The output of that shape."""
        found = [value for value in outputs.values() if value.shape == tuple(shape)]
        if len(found) != 1:
            shapes = ", ".join(str(list(value.shape)) for value in outputs.values())
            raise CheckpointError(
                "does not give what the model gives",
                where=self.path,
                expected=list(shape),
                found=shapes,
            )
        return np.asarray(found[0], np.float32)
