"""One tool for each verb: arguments as JSON in, a short answer out. The docstrings are what the agent reads."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, ParamSpec

from auscult.agents.answers import describe_error, describe_report
from auscult.errors import AuscultError
from auscult.verbs.access import Access
from auscult.verdict import Report

P = ParamSpec("P")
Answer = dict[str, Any]


def _answer(function: Callable[P, Report]) -> Callable[P, Answer]:
    """Make a function that gives a report into one that gives the short answer, errors included."""

    @functools.wraps(function)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            return describe_report(function(*args, **kwargs))
        except AuscultError as error:
            return describe_error(error)

    signature = inspect.signature(function, eval_str=True)
    answered.__signature__ = signature.replace(return_annotation=Answer)  # type: ignore[attr-defined]
    return answered


class AgentTools:
    """The tools, bound to what they may reach."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def list_tools(self) -> dict[str, Callable[..., Answer]]:
        """The tools by name."""
        reports: dict[str, Callable[..., Report]] = {
            "inspect": self.inspect,
            "diff": self.diff,
            "convert": self.convert,
            "compare": self.compare,
            "check": self.check,
            "listen": self.listen,
            "mel": self.mel,
            "diagnose": self.diagnose,
            "preflight": self.preflight,
        }
        tools = {name: _answer(function) for name, function in reports.items()}
        return {**tools, "explain_rule": self.explain_rule}

    def inspect(self, target: str, container: str | None = None) -> Report:
        """Say what is in a checkpoint: which model, in which layout, trained or random, healthy or not.

        Args:
            target: A checkpoint file or folder of any known format, or code as file.py:function.
            container: Group of tensors to take, such as model_state_dict.generator.
        """
        from auscult.verbs.inspect.inspect import inspect

        return inspect(self._access.resolve_target(target), container=container)

    def diff(self, reference: str, candidate: str) -> Report:
        """Say whether two checkpoints hold the same weights, and explain every difference.

        Args:
            reference: The weights as they should be.
            candidate: The weights in question: a conversion, or code that loads them.
        """
        from auscult.verbs.diff.diff import diff

        return diff(self._access.resolve_target(reference), self._access.resolve_target(candidate))

    def convert(
        self,
        source: str,
        destination: str,
        to: Literal["torch", "mlx"] | None = None,
        dtype: str | None = None,
    ) -> Report:
        """Convert a checkpoint to another format or framework layout, with a proof. Never overwrites.

        Args:
            source: The checkpoint.
            destination: The new file; its suffix says the format.
            to: Whose order of axes the new file gets.
            dtype: Such as float16 or bfloat16.
        """
        from auscult.verbs.convert.convert import convert

        return convert(
            self._access.resolve_target(source),
            self._access.resolve_file(destination),
            to=to,
            dtype=dtype,
        )

    def compare(self, reference: str, candidate: str, inputs: str | None = None) -> Report:
        """Say in which layer a port first computes something else than its reference, and why.

        Args:
            reference: A trace file, an .onnx or .tflite file, or code as file.py:function.
            candidate: The port, in the same forms.
            inputs: A .npz file with the inputs, by name.
        """
        from auscult.verbs.compare.compare import compare

        return compare(
            self._access.resolve_target(reference),
            self._access.resolve_target(candidate),
            inputs=inputs and self._access.resolve_file(inputs),
        )

    def check(self, target: str, inputs: str) -> Report:
        """Say whether a model holds against itself: in batches, in chunks, padded, a second time, in fewer bits.

        Args:
            target: Code that builds the model, as file.py:function.
            inputs: A .npz file with the inputs, by name.
        """
        from auscult.verbs.check.check import check

        return check(self._access.resolve_target(target), self._access.resolve_file(inputs))

    def listen(self, recordings: list[str], reference: str | None = None) -> Report:
        """Say what is wrong with recordings: which defect, where in time, and what makes such a sound.

        Args:
            recordings: Sound files or folders.
            reference: How it should sound, of the same content.
        """
        from auscult.verbs.listen.listen import listen

        return listen(
            [self._access.resolve_file(path) for path in recordings],
            reference=reference and self._access.resolve_file(reference),
        )

    def mel(self, sound: str, spectrogram: str, against: str | None = None) -> Report:
        """Say which definition made a mel spectrogram, and what has to change for a vocoder.

        Args:
            sound: The recording.
            spectrogram: A .npy, .npz, .safetensors or torch file with its mel.
            against: A vocoder family, such as hifigan, vocos, whisper.
        """
        from auscult.verbs.mel import mel

        return mel(
            self._access.resolve_file(sound),
            self._access.resolve_file(spectrogram),
            against=against,
        )

    def diagnose(
        self,
        checkpoint: str | None = None,
        model: str | None = None,
        reference_checkpoint: str | None = None,
        audio: str | None = None,
        reference_audio: str | None = None,
    ) -> Report:
        """Name one cause from everything there is. Begin here when something sounds wrong.

        Args:
            checkpoint: The trained weights.
            model: The code that loads them, as file.py:function.
            reference_checkpoint: The original of a conversion.
            audio: The recording that the model made.
            reference_audio: How it should sound.
        """
        from auscult.verbs.diagnose.diagnose import diagnose

        targets = {
            "checkpoint": checkpoint,
            "model": model,
            "reference_checkpoint": reference_checkpoint,
        }
        sounds = {"audio": audio, "reference_audio": reference_audio}
        given: dict[str, Any] = {
            name: self._access.resolve_target(target) for name, target in targets.items() if target
        }
        given |= {name: self._access.resolve_file(sound) for name, sound in sounds.items() if sound}
        return diagnose(**given)

    def preflight(self, trainer: str | None = None, log: str | None = None) -> Report:
        """Say what will go wrong in a training, from a few steps of it or from its log.

        Args:
            trainer: Code that builds the training, as file.py:function.
            log: A training log: text, JSON lines, CSV or TensorBoard events.
        """
        from auscult.verbs.preflight import preflight

        return preflight(
            trainer and self._access.resolve_target(trainer),
            log=log and self._access.resolve_file(log),
        )

    def explain_rule(self, code: str) -> Answer:
        """Explain a finding's code: what one hears, why it happens, how it is measured, how to repair it.

        Args:
            code: Such as LAY001.
        """
        from auscult.verbs.rules import list_rules

        try:
            return {"page": list_rules(code).to_text()}
        except AuscultError as error:
            return describe_error(error)
