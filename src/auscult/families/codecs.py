"""The neural codecs that auscult runs through the package that is kept for them: transformers, or their own.

A family that can be run so has a `codec.py` in its folder, found by its place, with the names of `CodecFamily`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import log2
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from auscult import plugins
from auscult.errors import CheckpointError, UsageError
from auscult.facts.install import format_install_command
from auscult.weights import Array

OTHER_WEIGHTS = "the weights are not those of the config beside them"
CodeArrays = dict[str, NDArray[Any]]
Samples = NDArray[np.float32]


class Codec(Protocol):
    """A codec that is ready to run.

    Attributes:
        sample_rate: In Hz.
        channels: Of the sound that it takes and gives.
        bits: Of one code.
    """

    sample_rate: int
    channels: int
    bits: float

    def encode(self, samples: Samples, kbits: float | None) -> CodeArrays:
        """Samples [channels, time] to whatever decoding needs, by name; at most so many kbit/s where the codec can choose."""

    def decode(self, codes: CodeArrays) -> Samples:
        """What `encode` gave, to samples [channels, time]."""


class CodecFamily(Protocol):
    """A family's `codec.py`."""

    def accepts(self, config: Mapping[str, Any]) -> bool:
        """Whether a config.json is one of this family's."""

    def open_codec(
        self, config: Mapping[str, Any], weights: Mapping[str, Array], device: str
    ) -> Codec:
        """The codec of that config with these weights.

        Raises:
            UsageError: If its package is not installed.
            CheckpointError: If the weights are not the config's.
        """


def iter_codec_families() -> Iterator[tuple[str, CodecFamily]]:
    """Name and `codec.py` of each family that has one."""
    for package in plugins.list_packages("auscult.families"):
        folder = package.rpartition(".")[2]
        if (Path(__file__).parent / folder / "codec.py").exists():
            module = importlib.import_module(f"auscult.families.{folder}.codec")
            yield folder.replace("_", "-"), cast(CodecFamily, module)


def require_codec_package(package: str, hint: str | None = None) -> None:
    """Say what to install where a codec's package is missing.

    Raises:
        UsageError: If it cannot be imported.
    """
    for name in ("torch", package):
        if find_spec(name) is None:
            raise UsageError(
                f"running this codec needs {name}, which is not installed",
                hint=hint if hint and name == package else format_install_command("run"),
            )


@dataclass(frozen=True)
class TransformersNames:
    """Where transformers keeps a codec: `transformers.CONFIG` and `transformers.MODEL`."""

    config: str
    model: str


def build_transformers_model(
    names: TransformersNames, config: Mapping[str, Any], weights: Mapping[str, Array], device: str
) -> Any:
    """The model with its weights, in eval mode; nothing is downloaded or unpickled.

    Raises:
        UsageError: If transformers is not installed.
        CheckpointError: If the weights are not the config's.
    """
    require_codec_package("transformers")
    import torch
    import transformers

    settings = getattr(transformers, names.config)(**config)
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    try:
        model, loading = getattr(transformers, names.model).from_pretrained(
            None, config=settings, state_dict=state, output_loading_info=True
        )  # which knows the names that its modules had in earlier versions
    except RuntimeError as error:  # of another shape
        raise CheckpointError(OTHER_WEIGHTS, found=str(error)[:200]) from error
    buffers = {name for name, _ in model.named_buffers()}
    missing = sorted(set(loading["missing_keys"]) - buffers)
    foreign = sorted(loading["unexpected_keys"])
    reshaped = sorted(map(str, loading["mismatched_keys"]))
    for names_of_kind, what in ((missing, "absent"), (foreign, "foreign"), (reshaped, "reshaped")):
        if names_of_kind:
            raise CheckpointError(
                OTHER_WEIGHTS,
                where=names_of_kind[0],
                found=f"{len(names_of_kind)} {what} tensors",
            )
    return model.eval().to(device)


def load_weights(model: Any, weights: Mapping[str, Array]) -> Any:
    """The module filled with arrays in torch's layout; buffers that a file leaves out stay as they are.

    Raises:
        CheckpointError: If a weight is missing, of another shape, or not in the module.
    """
    import torch

    from auscult.families._torch import load

    state = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    buffers = {name for name, _ in model.named_buffers()}
    kept = {
        name: tensor for name, tensor in model.state_dict().items() if name in buffers - set(state)
    }
    try:
        load(model, {**state, **kept})
    except CheckpointError as error:
        raise CheckpointError(
            OTHER_WEIGHTS,
            where=error.where,
            expected=error.expected,
            found=error.found,
        ) from error
    return model


def to_batch(samples: Samples, device: str) -> Any:
    """Samples [channels, time] as a torch tensor [1, channels, time] on the device."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(samples))[None].to(device)


def count_books(kbits: float | None, bits_per_book: float, books: int) -> int:
    """How many of the books fit in so many kbit/s, at `bits_per_book` bits a second each; at least one."""
    if kbits is None:
        return books
    return min(books, max(1, int(1000 * kbits / bits_per_book)))


class BookCodec:
    """See `Codec`; a codec of transformers whose codes are [books, frames], the coarsest book first.

    Args:
        frame_rate: Frames a second.
        max_books: How many the model has.
        books_argument: What `model.encode` calls their number.
    """

    channels = 1

    def __init__(
        self, model: Any, device: str, *, frame_rate: float, max_books: int, books_argument: str
    ) -> None:
        self._model, self._device = model, device
        self._frame_rate, self._max_books = frame_rate, max_books
        self._books_argument = books_argument
        self.sample_rate = int(model.config.sampling_rate)
        self.bits = log2(model.config.codebook_size)

    def encode(self, samples: Samples, kbits: float | None) -> CodeArrays:
        """See `Codec`; with as many books as fit."""
        import torch

        books = count_books(kbits, self.bits * self._frame_rate, self._max_books)
        batch = to_batch(samples, self._device)
        with torch.inference_mode():
            output = self._model.encode(batch, **{self._books_argument: books})
        return {"codes": output.audio_codes[0].cpu().numpy()}

    def decode(self, codes: CodeArrays) -> Samples:
        """See `Codec`."""
        import torch

        batch = torch.from_numpy(np.array(codes["codes"], np.int64))[None].to(self._device)
        with torch.inference_mode():
            output = self._model.decode(audio_codes=batch)
        return np.asarray(output.audio_values.reshape(1, -1).cpu().numpy(), np.float32)
