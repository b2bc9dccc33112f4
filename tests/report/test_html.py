"""The page: whole, offline, safe against what it is fed, small; whatever the verb, and whatever is missing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from auscult.finding import Finding, Fix, Severity, Skip
from auscult.sound.recording import Recording, write_recording
from auscult.verdict import Coverage, Equality, MappingEntry, Report, Verdict

pytest.importorskip("jinja2")

from auscult.report import _provenance, html
from auscult.report.html import _audio
from auscult.report.html._text import format_figure
from auscult.report.html.sections import sound
from auscult.report.sections import section_from_json
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.report.sections.listen import ListenSection
from auscult.report.sections.run import RunSection
from auscult.verbs.listen.listen import listen

EVIL = '</script><script>alert("x")</script>'
RATE = 8000


def report(**extra: object) -> Report:
    finding = Finding(
        "LAY001",
        "layout-conv1d",
        Severity.ERROR,
        (f"{EVIL}.weight", "ups.0.weight", "ups.1.weight"),
        f"stored {EVIL}",
        confidence=0.9,
        evidence={"share": 0.5, "text": EVIL, "nested": {"deep": [{"a": EVIL}]}},
        fix=Fix("safe", "permute", code="x = y < z"),
    )
    mapping = (
        MappingEntry(("a",), ("b",), ({"op": "permute", "axes": [0, 2, 1]},), Equality.EXACT),
    )
    coverage = Coverage("tensors", {"identical": 3, "different": 1, "skipped": 0})
    return Report(
        "diff",
        ("a.pth", EVIL),
        Verdict.DIVERGENT,
        coverage,
        (finding,),
        (Skip("c", EVIL),),
        mapping,
        section_from_json("diff", extra),
    )


class Tags(HTMLParser):
    """Every opening tag, whether those that must close did, and what the scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in {"meta", "img", "br", "link", "input"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


def data_of(page: str) -> dict[str, Any]:
    text = next(text for attributes, text in parsed(page).scripts if attributes.get("id") == "data")
    content: dict[str, Any] = json.loads(text)
    return content


def test_the_page_is_well_formed_and_escapes_what_it_is_fed() -> None:
    page = html.render(report(figures={EVIL: EVIL}, rows=[{EVIL: EVIL}], code=f"{EVIL}\n"))
    tags = parsed(page)
    assert EVIL not in page
    assert "alert(" in page
    assert [attributes.get("type") for attributes, _ in tags.scripts] == ["application/json", None]
    assert data_of(page)["names"][0] == f"{EVIL}.weight"


def test_only_its_own_script_may_run() -> None:
    page = html.render(report())
    script = next(text for attributes, text in parsed(page).scripts if not attributes)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy[1]
    assert "default-src 'none'" in policy[1]
    assert " on" + "click=" not in page


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.findall(r"https?://|\bsrc=|@import|url\(", html.render(report()))


@pytest.mark.parametrize(
    "command",
    ["inspect", "diff", "compare", "listen", "mel", "diagnose", "demo", "train", "anything"],
)
def test_any_verb_with_nothing_but_a_verdict(command: str) -> None:
    page = html.render(Report(command, (), Verdict.PASS))
    parsed(page)
    assert "PASS" in page
    assert ("Nothing was found" in page) is (command in html.SEARCHING_COMMANDS)
    assert len(page) < 130_000


MINIMAL: dict[str, Any] = {
    "layers": [{"a": "", "b": "", "error": None, "floor": None, "born": False, "grown": False}],
    "checkpoint": {"format": "torch", "tensors": 2},
    "recording": {"seconds": 1.0, "sample_rate": 8000},
    "recordings": [{"role": "heard"}, {"role": "input", "file": "absent.wav"}],
    "pictures": [{"title": "curve", "file": "absent.png"}],
    "rules": [{"code": "LAY001", "cause": "x", "summary": "y", "page": "y\n\nz"}],
    "error": {"what": "broken"},
    "trace": {"path": "x", "deep": {"er": [1, 2, {"b": None}]}},
    "changes": {},
    "diagnosis": {
        "cause": None,
        "symptoms": [{"code": "SND001", "cause": "buzz", "explained": None}],
    },
}


@pytest.mark.parametrize("key", MINIMAL)
@pytest.mark.parametrize("command", ["listen", "inspect", "compare", "diagnose", "rules", "trace"])
def test_parts_with_next_to_nothing_in_them(key: str, command: str) -> None:
    section = section_from_json(command, {key: MINIMAL[key]})
    parsed(html.render(Report(command, ("x",), Verdict.PASS, section=section)))


def test_keys_that_no_part_knows_are_shown_all_the_same() -> None:
    page = html.render(
        Report(
            "train",
            (),
            Verdict.PASS,
            section=section_from_json(
                "train", {"study": {"bit_rate": 1234567}, "epochs": [{"loss": 0.125}]}
            ),
        )
    )
    assert "1,234,567" in page
    assert "0.125" in page


def test_very_long_parts_are_cut_and_say_so() -> None:
    skips = tuple(Skip(str(index), f"reason {index}") for index in range(1000))
    findings = (
        Finding(
            "LAY001",
            "x",
            Severity.ERROR,
            ("a",),
            "x",
            evidence={"rows": [{"a": i, "b": [{}]} for i in range(20_000)]},
        ),
    )
    page = html.render(Report("diff", ("a",), Verdict.DIVERGENT, findings=findings, skips=skips))
    assert "700 more reasons are in the JSON report" in page
    assert "characters more in the JSON report" in page
    assert len(page) < 300_000


def test_the_files_are_named_with_their_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    page = html.render(Report("inspect", (str(path), f"{path}:make"), Verdict.PASS))
    assert page.count("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 1
    monkeypatch.setattr(_provenance, "MAX_HASHED_BYTES", 2)
    assert "the files are too large for it" in html.render(
        Report("inspect", (str(path),), Verdict.PASS)
    )


def test_a_notebook_shows_the_page_in_a_frame() -> None:
    shown = report()._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in shown
    assert EVIL not in shown


def test_figures() -> None:
    values = [None, True, 1234567, 0.5, 3.14159, 2e-7, 123456.7, float("nan"), 1e300, "x"]
    shown = ["–", "yes", "1,234,567", "0.5", "3.142", "2.0e-07", "123,457", "nan"]
    assert [format_figure(value) for value in values][:8] == shown


def test_the_guide_says_what_is_so() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "the-page.md").read_text(
        encoding="utf-8"
    )
    assert (
        f"pieces of {_audio.PIECE_SECONDS:.0f} s, up to {html.MAX_EMBEDDED_BYTES // 10**6} MB"
        in guide
    )
    assert f"{sound.MAX_PLAYED_RECORDINGS} can be played" in guide
    shown = html.render(Report("listen", (), Verdict.PASS))
    keys = (Path(html.__file__).parent / "js" / "keys.js").read_text(encoding="utf-8")
    for key in ("ArrowRight", "Escape", '"+"', '"-"', "x:", "d:", "n:", "p:", '" "'):
        assert key in keys
        assert key in shown


# Sound


def noise(seconds: float, channels: int = 1) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    return (0.1 * rng.standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


def decoded(page: str, track: int = 0) -> Iterator[tuple[str, NDArray[np.float32]]]:
    blobs = {attributes.get("id"): text for attributes, text in parsed(page).scripts}
    for frames, codec, blob in data_of(page)["tracks"][track]["pieces"]:
        if not codec:
            yield codec, np.zeros((frames, 1), np.float32)
            continue
        samples, rate = soundfile.read(
            io.BytesIO(base64.b64decode(blobs[f"piece-{blob}"])), dtype="float32", always_2d=True
        )
        assert rate == RATE
        assert len(samples) == frames
        yield codec, samples


def page_of(path: Path, embed: int = 10**9, **extra: Any) -> str:
    finding = Finding(
        "SND010", "dropouts", Severity.ERROR, (str(path),), "gaps", times=((12.5, 12.6),)
    )
    items = [{"role": "heard", "file": str(path), **extra}]
    return html.build_page(
        Report(
            "listen",
            (str(path),),
            Verdict.DIVERGENT,
            findings=(finding,),
            section=ListenSection(items),
        ),
        max_embedded_bytes=embed,
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_is_embedded_bit_for_bit(tmp_path: Path, channels: int) -> None:
    path = write_recording(Recording(noise(25.3, channels), RATE), tmp_path / "heard.wav")
    pieces = list(decoded(page_of(path)))
    assert [codec for codec, _ in pieces] == ["flac"] * 3
    original, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert np.array_equal(np.concatenate([samples for _, samples in pieces]), original)


def test_where_room_is_short_what_a_finding_speaks_of_stays_without_loss(tmp_path: Path) -> None:
    path = write_recording(Recording(noise(40.0), RATE), tmp_path / "heard.wav")
    page = page_of(path, embed=300_000)
    assert [codec for codec, _ in decoded(page)] == ["ogg", "flac", "ogg", "ogg"]
    assert "30 s are compressed with loss" in page


def test_where_there_is_hardly_room_the_rest_is_named(tmp_path: Path) -> None:
    path = write_recording(Recording(noise(40.0), RATE), tmp_path / "heard.wav")
    page = page_of(path, embed=150_000)
    assert [codec for codec, _ in decoded(page)] == ["", "flac", "", ""]
    assert "30 s are not in this page" in page
    nothing = page_of(path, embed=10)
    assert "it would make the page too large" in nothing
    assert 'id="player"' not in nothing


def test_what_is_louder_than_full_scale_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    loud = 30.0 * noise(1.0)[0]
    loud[5] = np.nan
    soundfile.write(path, loud, RATE, subtype="FLOAT")
    page = page_of(path)
    scale = data_of(page)["tracks"][0]["scale"]
    assert scale == pytest.approx(float(np.nanmax(np.abs(loud))))
    samples = next(decoded(page))[1][:, 0] * scale
    assert np.abs(samples - np.nan_to_num(loud)).max() < scale * 2**-22
    assert "1 samples are not numbers" in page


def test_a_quiet_float_file_keeps_its_detail(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    quiet = 1e-4 * noise(1.0)[0]
    soundfile.write(path, quiet, RATE, subtype="FLOAT")
    samples = next(decoded(page_of(path)))[1][:, 0]
    assert np.abs(samples - quiet).max() < 2**-22


def test_files_that_are_not_there_or_no_sound(tmp_path: Path) -> None:
    text = tmp_path / "heard.wav"
    text.write_text("not a sound")
    assert "cannot be played here: it cannot be read" in page_of(text)
    assert "the file is not there any more" in page_of(tmp_path / "absent.wav")
    assert "it was not written to a file" in html.render(
        Report("listen", (), Verdict.PASS, section=ListenSection([{"role": "heard", "file": None}]))
    )


def test_findings_lead_to_the_recording_they_name(tmp_path: Path) -> None:
    items = [
        {"role": role, "file": str(tmp_path / f"{role}.wav")}
        for role in ("input", "heard", "repaired")
    ]
    findings = (
        Finding("SND001", "buzz", Severity.ERROR, ("repaired.wav",), "x"),
        Finding("SND002", "flat-mel", Severity.ERROR, (), "x"),
        Finding("LAY001", "layout", Severity.ERROR, ("conv.weight",), "x"),
    )
    shown = html.render(
        Report(
            "diagnose",
            (),
            Verdict.DIVERGENT,
            findings=findings,
            section=DiagnoseSection({}, {}, items),
        )
    )
    by_cause = {
        finding["cause"]: owner
        for finding, owner in zip(data_of(shown)["findings"], data_of(shown)["owners"], strict=True)
    }
    assert by_cause == {"buzz": 2, "flat-mel": 1, "layout": None}


def test_what_was_listened_to_lies_beside_its_reference_on_one_axis(tmp_path: Path) -> None:
    sound = noise(4.0)[0]
    sound[RATE : 2 * RATE] *= 0.1
    late = np.concatenate([noise(0.25)[0] * 1e-3, sound])
    paths = [
        str(write_recording(Recording.from_mono(samples, RATE), tmp_path / name))
        for name, samples in (("a.wav", sound), ("b.wav", late))
    ]
    tracks = data_of(html.render(listen(paths[1], reference=paths[0])))["tracks"]
    assert [track["title"] for track in tracks] == ["Reference: what should be heard", "b.wav"]
    assert [track["start"] for track in tracks] == [0.0, pytest.approx(-0.25, abs=1 / RATE)]


def test_what_a_run_made_can_be_heard(tmp_path: Path) -> None:
    path = write_recording(Recording(noise(1.0), RATE), tmp_path / "out.wav")
    run = {
        "file": str(path),
        "seconds": 1.0,
        "sample_rate": RATE,
        "channels": 1,
        "peak": 0.4,
        "rms_db": -20.0,
        "took_seconds": 1.0,
    }
    page = html.render(
        Report(
            "run vocoder",
            ("a",),
            Verdict.PASS,
            section=RunSection({**run, "settings": {"seed": 7}}),
        )
    )
    assert [codec for codec, _ in decoded(page)] == ["flac"]
    assert "seed" in page


def test_pieces_cover_the_recording(tmp_path: Path) -> None:
    path = write_recording(Recording(noise(20.001), RATE), tmp_path / "a.wav")
    (sound,) = _audio.embed_recordings([str(path)], [[(19.999, 20.0)]], 10**9)
    assert [(piece.start, piece.frames, piece.marked) for piece in sound.pieces] == [
        (0, 80_000, False),
        (80_000, 80_000, True),
        (160_000, 8, False),
    ]
