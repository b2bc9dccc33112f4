"""The forms fit the command line and the verbs."""

from __future__ import annotations

import pytest

from auscult.cli.main import group
from auscult.workbench.forms import FORMS, VerbForm


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.verb)
def test_every_field_is_an_argument_or_an_option_of_the_command(form: VerbForm) -> None:
    command = group.get_command(None, form.verb)  # type: ignore[arg-type]
    assert command is not None
    arguments = [
        parameter for parameter in command.params if parameter.param_type_name == "argument"
    ]
    options = {option for parameter in command.params for option in parameter.opts}
    assert len(arguments) == sum(not field.flag for field in form.fields)
    assert {field.flag for field in form.fields if field.flag} <= options


def test_a_command_line_fills_the_form_and_back() -> None:
    form = FORMS["listen"]
    values = form.fill(("a.wav", "b.wav", "--ref", "c.wav", "--hop", "256"))
    assert values == {"sources": ["a.wav", "b.wav"], "reference": "c.wav", "hop": "256"}
    command = form.write_command(values)
    assert command == (
        *("auscult", "listen", "a.wav", "b.wav"),
        *("--ref", "c.wav", "--hop", "256"),
    )
    assert FORMS["diff"].fill(("a", "b")) == {"reference": "a", "candidate": "b"}
