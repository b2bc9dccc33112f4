"""Core ML: `.mlpackage` folders (programs with `weights/weight.bin`) and `.mlmodel` files (programs and neural networks).

Names are those of the program's constants, or `layer.weights` and `layer.bias` in a neural network; the models of a pipeline
are told apart by a prefix. Shapes are as stored: convolutions [out, in, *kernel], transposed ones [in, out, *kernel]. Listed
are values in the weight file, and in the program floats of rank 1 or more and lists of ten or more integers; shorter lists and
scalars are parameters of operations (strides, pads, slopes) and appear in `Contents.modules` with the operation that consumes
the weight. Integers with a scale for each channel carry a Quantization; other compressed weights are skipped with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path

from auscult.checkpoint.beside import resolve_data_file
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.coreml_network import NetworkReader
from auscult.checkpoint.mil import ProgramReader
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Tensor

FORMAT = "coreml"
CHECKED_WITH = ("coremltools 9.0",)
MANIFEST_NAME = "Manifest.json"
MAX_MANIFEST_BYTES = 1 << 20
MAX_PIPELINE_DEPTH = 8
PROGRAM_FIELD, NETWORK_FIELDS, PIPELINE_HOLDER_FIELDS, PIPELINE_FIELD = (
    502,
    (303, 403, 500),
    (200, 201),
    202,
)
SPECIFICATION_VERSION_TAG = 0x08
# tags of what may follow the version in a Model: description, isUpdatable, and the first bytes of every model type's tag
NEXT_TAGS = frozenset(
    (
        0x12,
        0x50,
        0xC2,
        0xCA,
        0xD2,
        0xE2,
        0xEA,
        0xF2,
        0xFA,
        0x9A,
        0xA2,
        0xAA,
        0xB2,
        0xBA,
        0x82,
        0x8A,
        0x92,
    )
)


def sniff(source: Source, head: bytes) -> bool:
    """A folder with a package manifest, or a message that starts with a specification version, told by `.mlmodel`."""
    if source.suffix.lower() == ".mlmodel":
        return (
            len(head) > 2
            and head[0] == SPECIFICATION_VERSION_TAG
            and 0 < head[1] < 0x80
            and head[2] in NEXT_TAGS
        )
    if head or not source.is_folder:
        return False
    return (source.path / MANIFEST_NAME).is_file() and (source.path / "Data").is_dir()


def read(source: Source) -> Contents:
    """List what the package or model file holds.

    Raises:
        CheckpointError: If the manifest, the model or its weight file is damaged or missing, or names files outside the package.
    """
    model = source
    if source.is_folder:
        model = Source(_find_package_model(source.path))
    contents = _ModelContents({}, [], {})
    message = Message(model)
    _read_model(message, model, "", contents, 0)
    metadata = {"specification_version": str(message.signed(1)), **_read_metadata(message)}
    return Contents(
        contents.tensors, metadata, skips=tuple(contents.skips), modules=contents.modules
    )


def _find_package_model(package: Path) -> Path:
    """The model file that a package's manifest names as its root."""
    source = Source(package / MANIFEST_NAME)
    if source.size > MAX_MANIFEST_BYTES:
        raise CheckpointError(
            "has a manifest that is too long",
            where=str(package),
            expected=f"{MAX_MANIFEST_BYTES} bytes",
            found=source.size,
        )
    try:
        manifest = json.loads(source.bytes(0, source.size))
        location = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "the package is damaged: copy the whole folder again"
        raise CheckpointError(
            "has a manifest that names no model", where=str(package), hint=hint
        ) from error
    if not isinstance(location, str):
        raise CheckpointError(
            "has a manifest that names no model", where=str(package), found=repr(location)[:100]
        )
    return resolve_data_file(package / "Data", location, package / MANIFEST_NAME)


class _ModelContents:
    """What was found in all models of a file."""

    def __init__(
        self, tensors: dict[str, Tensor], skips: list[Skip], modules: dict[str, ModuleInfo]
    ) -> None:
        self.tensors, self.skips, self.modules = tensors, skips, modules


def _read_model(
    model: Message, source: Source, prefix: str, contents: _ModelContents, depth: int
) -> None:
    if depth > MAX_PIPELINE_DEPTH:
        raise CheckpointError("has pipelines that are nested too deeply", where=source.where)
    program = model.message(PROGRAM_FIELD)
    networks = [
        network
        for network in (model.message(number) for number in NETWORK_FIELDS)
        if network is not None
    ]
    holders = [
        holder
        for holder in (model.message(number) for number in PIPELINE_HOLDER_FIELDS)
        if holder is not None
    ]
    pipelines = [model.message(PIPELINE_FIELD), *(holder.message(1) for holder in holders)]
    if program is not None:
        ProgramReader(source, prefix, contents.tensors, contents.skips, contents.modules).program(
            program
        )
    for network in networks:
        NetworkReader(prefix, contents.tensors, contents.skips, contents.modules).network(network)
    for pipeline in pipelines:
        names = pipeline.texts(2) if pipeline else []
        for index, inner in enumerate(pipeline.messages(1) if pipeline else ()):
            label = names[index] if index < len(names) else f"model{index}"
            _read_model(inner, source, f"{prefix}{label}.", contents, depth + 1)
    if program is None and not networks and not any(pipelines):
        kinds = [number for number in model.fields if number >= PIPELINE_HOLDER_FIELDS[0]]
        contents.skips.append(
            Skip(
                prefix.rstrip(".") or "model",
                f"Core ML model type {kinds[:1] or 'none'} holds no network",
            )
        )


def _read_metadata(model: Message) -> dict[str, str]:
    description = model.message(2)
    metadata = description.message(100) if description else None
    if metadata is None:
        return {}
    standard_fields = {"description": 1, "version": 2, "author": 3, "license": 4}
    texts = {key: metadata.text(number) for key, number in standard_fields.items()}
    texts.update({entry.text(1): entry.text(2) for entry in metadata.messages(100)})
    return {key: value for key, value in texts.items() if value}
