"""The verbs as forms: which fields each has, how its words on a command line fill them, and which function runs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.finding import Json
from auscult.verbs.access import Access
from auscult.verdict import Report

FieldKind = Literal["target", "file", "files", "text", "whole number", "number"]
"""`target` is a file or code; `files` is any number of files; the others hold one value."""
Values = Mapping[str, Any]
MAX_TEXT = 2000
"""Characters of one value: more than any path or sentence of a test set."""


@dataclass(frozen=True)
class FormField:
    """One argument of a verb.

    Attributes:
        name: Its key among the values.
        flag: The option of the command line; empty for an argument without one.
    """

    name: str
    label: str
    kind: FieldKind
    flag: str = ""
    is_required: bool = False

    def to_json(self) -> Json:
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "required": self.is_required,
        }

    def parse(self, value: Any, access: Access) -> Any:
        """A value of the page as the verb takes it.

        Raises:
            UsageError: If it is not of the field's kind, or a path that may not be reached.
        """
        if self.kind == "files":
            if not isinstance(value, list):
                raise UsageError("is no list of files", where=self.label)
            return [access.resolve_file(self._require_text(item)) for item in value]
        text = self._require_text(value)
        if self.kind == "file":
            return access.resolve_file(text)
        if self.kind == "target":
            return access.resolve_target(text)
        if self.kind == "text":
            return text
        return self._parse_number(text)

    def _parse_number(self, text: str) -> float:
        number_type = int if self.kind == "whole number" else float
        try:
            number = number_type(text)
        except ValueError as error:
            raise UsageError(f"is no {self.kind}", where=self.label, found=text) from error
        if not 0 < number < float("inf"):
            raise UsageError("has to be above 0", where=self.label, found=text)
        return number

    def _require_text(self, value: Any) -> str:
        if not isinstance(value, str) or not value or len(value) > MAX_TEXT or "\0" in value:
            raise UsageError(
                "is no text",
                where=self.label,
                expected=f"1 to {MAX_TEXT} characters",
                found=type(value).__name__,
            )
        return value


@dataclass(frozen=True)
class VerbForm:
    """One verb: its question, its fields, and the function that answers."""

    verb: str
    question: str
    fields: tuple[FormField, ...]
    run: Callable[[Values, Progress], Report]

    def to_json(self) -> Json:
        return {
            "verb": self.verb,
            "question": self.question,
            "fields": [field.to_json() for field in self.fields],
        }

    def parse_values(self, given: Any, access: Access) -> dict[str, Any]:
        """The values of the page as the verb takes them; empty ones are left out.

        Raises:
            UsageError: If a value does not fit its field, or a required one is missing.
        """
        if not isinstance(given, Mapping):
            raise UsageError("the values are no JSON object", where=self.verb)
        unknown = set(given) - {field.name for field in self.fields}
        if unknown:
            raise UsageError("has no such fields", where=self.verb, found=", ".join(unknown))
        values = {
            field.name: field.parse(given[field.name], access)
            for field in self.fields
            if given.get(field.name) not in (None, "", [])
        }
        for field in self.fields:
            if field.is_required and field.name not in values:
                raise UsageError(f"needs {field.label}", where=self.verb, hint="choose a file")
        return values

    def fill(self, arguments: Sequence[str]) -> dict[str, Any]:
        """The values that the words behind the verb on a command line stand for."""
        flags = {field.flag: field.name for field in self.fields if field.flag}
        free_fields = [field for field in self.fields if not field.flag]
        values: dict[str, Any] = {}
        words = list(arguments)
        while words:
            word = words.pop(0)
            if word in flags:
                values[flags[word]] = words.pop(0)
            elif free_fields[0].kind == "files":
                values.setdefault(free_fields[0].name, []).append(word)
            else:
                values[free_fields.pop(0).name] = word
        return values

    def write_command(self, values: Values) -> tuple[str, ...]:
        """The words to type for the same; paths are whole, so that none looks like an option."""
        options: list[str] = []
        arguments: list[str] = []
        for field in self.fields:
            if field.name not in values:
                continue
            value = values[field.name]
            words = [str(item) for item in value] if isinstance(value, list) else [str(value)]
            if field.flag:
                options += [field.flag, *words]
            else:
                arguments += words
        return ("auscult", self.verb, *arguments, *options)


def _call_verb(function: str) -> Callable[[Values, Progress], Report]:
    """A run of the verb's public function, which is imported when it is needed."""

    def run(values: Values, progress: Progress) -> Report:
        module, _, name = function.rpartition(".")
        report: Report = getattr(importlib.import_module(module), name)(**values, progress=progress)
        return report

    return run


SOUND_FACTS = ("sample_rate", "hop", "chunk_seconds", "text")
"""Fields of `listen` that are facts about the model."""


def _run_listen(values: Values, progress: Progress) -> Report:
    from auscult.rules.sound.subject import SoundFacts
    from auscult.verbs.listen.listen import listen

    facts = SoundFacts(**{name: values[name] for name in SOUND_FACTS if name in values})
    others = {name: value for name, value in values.items() if name not in SOUND_FACTS}
    return listen(**others, facts=facts, progress=progress)


def _run_report(values: Values, progress: Progress) -> Report:
    from auscult.verbs.report.report import show_report

    progress(0, 1, "reading reports")
    return show_report(values["path"], values.get("other"))


_FORMS = (
    VerbForm(
        "inspect",
        "What is in this checkpoint?",
        (
            FormField("target", "checkpoint", "target", is_required=True),
            FormField("container", "group of tensors", "text", "--container"),
        ),
        _call_verb("auscult.verbs.inspect.inspect.inspect"),
    ),
    VerbForm(
        "diff",
        "Do both hold the same weights?",
        (
            FormField("reference", "as it should be", "target", is_required=True),
            FormField("candidate", "in question", "target", is_required=True),
            FormField("container_a", "its group of tensors", "text", "--container"),
            FormField("container_b", "group of tensors in question", "text", "--container-b"),
        ),
        _call_verb("auscult.verbs.diff.diff.diff"),
    ),
    VerbForm(
        "compare",
        "In which layer does a port go wrong?",
        (
            FormField("ref", "as it should be", "target", is_required=True),
            FormField("cand", "in question", "target", is_required=True),
            FormField("inputs", "inputs", "file", "--inputs"),
        ),
        _call_verb("auscult.verbs.compare.compare.compare"),
    ),
    VerbForm(
        "check",
        "Does this model hold against itself?",
        (
            FormField("target", "code that builds the model", "target", is_required=True),
            FormField("inputs", "inputs", "file", "--inputs", is_required=True),
        ),
        _call_verb("auscult.verbs.check.check.check"),
    ),
    VerbForm(
        "listen",
        "What is wrong with this sound?",
        (
            FormField("sources", "recordings", "files", is_required=True),
            FormField("reference", "as it should sound", "file", "--ref"),
            FormField(
                "sample_rate", "sample rate of the model, Hz", "whole number", "--sample-rate"
            ),
            FormField("hop", "hop of the model, samples", "whole number", "--hop"),
            FormField("chunk_seconds", "length of its chunks, seconds", "number", "--chunk"),
            FormField("text", "text that is spoken", "text", "--text"),
            FormField("config", "config of the model", "file", "--config"),
            FormField("checkpoint", "weights of the model", "file", "--checkpoint"),
        ),
        _run_listen,
    ),
    VerbForm(
        "mel",
        "Which definition made this mel spectrogram?",
        (
            FormField("sound", "recording", "file", is_required=True),
            FormField("spectrogram", "its mel spectrogram", "file", is_required=True),
            FormField("against", "vocoder, such as hifigan", "text", "--against"),
            FormField("key", "tensor of the file", "text", "--key"),
        ),
        _call_verb("auscult.verbs.mel.mel"),
    ),
    VerbForm(
        "diagnose",
        "Why does this model sound wrong?",
        (
            FormField("checkpoint", "trained weights", "target"),
            FormField("model", "code that loads them", "target", "--model"),
            FormField(
                "reference_checkpoint",
                "original of a conversion",
                "target",
                "--reference-checkpoint",
            ),
            FormField("audio", "recording that it made", "file", "--audio"),
            FormField("reference_audio", "as it should sound", "file", "--reference-audio"),
        ),
        _call_verb("auscult.verbs.diagnose.diagnose.diagnose"),
    ),
    VerbForm(
        "report",
        "What changed between two saved reports?",
        (
            FormField("path", "before", "file", is_required=True),
            FormField("other", "after", "file"),
        ),
        _run_report,
    ),
)
FORMS: Mapping[str, VerbForm] = {form.verb: form for form in _FORMS}
"""The forms by verb, in the order in which the page offers them."""


def find_form(verb: Any) -> VerbForm:
    """The form of a verb.

    Raises:
        UsageError: If there is none.
    """
    form = FORMS.get(verb) if isinstance(verb, str) else None
    if form is None:
        raise UsageError("is no verb of this page", where=str(verb), expected=", ".join(FORMS))
    return form
