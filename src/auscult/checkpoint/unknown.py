"""What to say of a file that no reader knows: most are not checkpoints at all but what a failed download left."""

from __future__ import annotations

from pathlib import Path

from auscult.checkpoint.archive import read_archive
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError

KNOWN_FORMATS = (
    "safetensors, .pth/.pt/.ckpt/.bin, .npz/.npy, .keras/.h5, .msgpack, .gguf, .onnx, .ort, .tflite, "
    ".mlpackage/.mlmodel, .xml (OpenVINO), .mnn, .pte/.ptd, .param (ncnn), .pdparams/.pdiparams; folders of torch DCP, DeepSpeed, "
    "TensorFlow and Orbax"
)
ZIP_HEADER_END = b"\x03\x04"
"""The bytes behind `PK` at the start of a zip archive."""
FILE_LOOKS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    (
        (b"<!doctype html", b"<html"),
        "is a web page, not a checkpoint",
        "the download got an error or login page: fetch the file itself (for Hugging Face use the /resolve/ address, not /blob/)",
    ),
    (
        (b"<?xml", b"<net"),
        "is XML, but no OpenVINO IR, whose root is <net>",
        "open it in an editor: it may be the error page of a failed download",
    ),
    (
        (b"version https://git-lfs",),
        "is a git-LFS pointer, not the file it stands for",
        "run: git lfs install && git lfs pull, or download the file from the repository's page",
    ),
    ((b"\x1f\x8b",), "is compressed with gzip", "unpack it first: gunzip or tar xzf"),
    ((b"bzh",), "is compressed with bzip2", "unpack it first: bunzip2 or tar xjf"),
    ((b"\xfd7zxz",), "is compressed with xz", "unpack it first: unxz or tar xJf"),
    ((b"\x28\xb5\x2f\xfd",), "is compressed with zstandard", "unpack it first: unzstd"),
    (
        (b"7z\xbc\xaf", b"rar!"),
        "is a 7z or rar archive",
        "unpack it first and give the file inside",
    ),
    (
        (b"riff", b"flac", b"oggs", b"id3", b"\xff\xfb"),
        "is a recording, not a checkpoint",
        "for sound use: auscult listen",
    ),
    (
        (b"%pdf", b"\x89png", b"\xff\xd8\xff", b"gif8"),
        "is a document or picture, not a checkpoint",
        "check the file name",
    ),
    (
        (b"\x7felf", b"mz\x90", b"\xcf\xfa\xed\xfe"),
        "is a program, not a checkpoint",
        "check the file name",
    ),
    (
        (b"{", b"[", b"---", b"#", b"import ", b"from "),
        "is text (a configuration or code), not a checkpoint",
        "give the weight file",
    ),
)


DESCRIPTIONS = ((".bin", ".xml"), (".bin", ".param"))
"""Raw numbers, and the file that has their names and shapes: of OpenVINO, of ncnn and pnnx."""


def explain_unknown_file(source: Source, head: bytes) -> CheckpointError:
    """The error for a file that no reader recognises, saying what its first bytes look like and what to do next."""
    where = source.where
    description = _find_description(source)
    if description is not None:
        problem = f"holds the weights of {description.name}, without their names and shapes"
        return CheckpointError(problem, where=where, hint=f"give {description}")
    if source.suffix == ".pdmodel":
        problem = f"is a program of Paddle, whose parameters are in {source.stem}.pdiparams"
        return CheckpointError(problem, where=where, hint="give that file")
    if not head:
        return CheckpointError(
            "is empty",
            where=where,
            hint="the download or the save did not finish: fetch it again",
        )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head.strip(b"\0"):
        problem, hint = (
            "starts with zeros only",
            "the file was allocated and never written: fetch it again",
        )
    elif head.startswith(b"PK\x05\x06"):
        problem, hint = "is an empty zip archive", "the save did not finish: save or fetch it again"
    elif head[2:4] == ZIP_HEADER_END and not head.startswith(b"PK"):
        problem = (
            f"is a zip archive whose first two bytes are {head[:2].hex(' ')} where PK should be"
        )
        hint = "the file was marked or damaged: put PK (50 4b) there in a copy, or fetch it again"
    elif head.startswith(b"PK"):
        problem, hint = _describe_zip(source)
    else:
        problem, hint = _describe_start(start, head)
    return CheckpointError(problem, where=where, hint=hint)


def _describe_zip(source: Source) -> tuple[str, str]:
    """An archive that no reader took: damaged, without weights, or itself inside another archive."""
    try:
        read_archive(source)
    except CheckpointError:
        return "is a damaged zip archive", "fetch or save it again"
    return "is a zip archive that holds no checkpoint", "unpack it and give the file inside"


def _find_description(source: Source) -> Path | None:
    """The file beside raw numbers that says what they are."""
    if source.member:
        return None
    candidates = [
        source.path.with_suffix(described)
        for raw, described in DESCRIPTIONS
        if source.suffix == raw
    ]
    return next((path for path in candidates if path.is_file()), None)


def explain_unknown_folder(path: Path) -> CheckpointError:
    """The error for a folder in which no reader finds a checkpoint."""
    try:
        entry_names = sorted(entry.name for entry in path.iterdir())[:5]
    except OSError as error:
        return CheckpointError(f"cannot be opened: {error.strerror}", where=str(path))
    hint = "give the weight file itself"
    return CheckpointError(
        "is a folder without a checkpoint that auscult recognises",
        where=str(path),
        expected="one *.index.json, or *.safetensors files, or a Core ML package, torch DCP, DeepSpeed, TensorFlow or Orbax checkpoint",
        found=", ".join(entry_names) or "nothing",
        hint=hint,
    )


def _describe_start(start: bytes, head: bytes) -> tuple[str, str]:
    for heads, problem, hint in FILE_LOOKS:
        if start.startswith(heads):
            return problem, hint
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return (
            "is text, not a checkpoint",
            "open it in an editor: it may hold the error of a failed download",
        )
    shown = " ".join(f"{byte:02x}" for byte in head[:8])
    return (
        f"is of a format that auscult does not know (its first bytes are {shown})",
        f"known are {KNOWN_FORMATS}",
    )
