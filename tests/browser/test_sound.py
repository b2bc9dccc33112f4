"""The player in a browser: what is drawn is what is in the file, what is heard is what was chosen, at the same moment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.finding import Finding, Severity
from auscult.report.sections import section_from_json
from auscult.report.sections.listen import ListenSection
from auscult.verdict import Report, Verdict
from tests.browser.material import (
    AMPLITUDE,
    GAPS,
    HEARD_HZ,
    INPUT_HZ,
    RATE,
    SECONDS,
    everything,
    tone,
    written,
)
from tests.browser.window import Window

pytest.importorskip("jinja2")

SOUND = "auscult.sound"
DRAWN = f"{SOUND}.lanes.every((lane) => lane.picture?.complete && lane.picture.from === {SOUND}.view.from && lane.whole)"
POSITION = f"{SOUND}.player.position"
METER = """
const { player } = auscult.sound;
window.meter = new AnalyserNode(player.context, { fftSize: 8192, smoothingTimeConstant: 0 });
for (const gain of player.gains) gain.connect(window.meter);
"""
LOUDEST_HZ = """(() => {
const bins = new Float32Array(window.meter.frequencyBinCount);
window.meter.getFloatFrequencyData(bins);
const best = bins.indexOf(Math.max(...bins));
return bins[best] > -60 ? best * window.meter.context.sampleRate / window.meter.fftSize : 0;
})()"""


@pytest.fixture
def page(window: Window) -> Window:
    window.show(everything(window.folder))
    window.wait(f"window.auscult && {DRAWN}")
    return window


def level(page: Window, lane: int, seconds: float, hertz: float) -> float:
    found = page.ask(f"{SOUND}.lanes[{lane}].levelAt({seconds}, {hertz / (RATE / 2)})")
    assert found is not None
    return float(found)


def test_levels_are_those_of_the_file(page: Window) -> None:
    """A sine of amplitude 0.5 is at -6 dB against full scale, at its frequency and nowhere else; a gap holds nothing."""
    page.click("#settings summary")
    page.click("#match")
    for lane, hertz in enumerate((INPUT_HZ, HEARD_HZ)):
        assert level(page, lane, 0.5, hertz) == pytest.approx(20 * np.log10(AMPLITUDE), abs=0.7)
        assert level(page, lane, 0.5, 4000.0) < -80.0
    assert level(page, 1, sum(GAPS[0]) / 2, HEARD_HZ) < -80.0
    assert level(page, 0, sum(GAPS[0]) / 2, INPUT_HZ) > -7.0


@pytest.mark.parametrize("resolution", ["10", "85"])
def test_levels_do_not_depend_on_the_resolution(page: Window, resolution: str) -> None:
    """But for the 1.4 dB that a Hann window loses between two of its bins, and the steps of the levels."""
    page.js(
        f"const s = document.querySelector('#resolution'); s.value = '{resolution}'; s.dispatchEvent(new Event('input'))"
    )
    page.wait(f"{SOUND}.lanes.every((lane) => lane.whole)")
    page.wait(DRAWN)
    assert level(page, 0, 0.5, INPUT_HZ) - level(page, 1, 0.5, HEARD_HZ) == pytest.approx(
        0.0, abs=2.1
    )


def test_playing_and_switching_at_the_same_moment(page: Window) -> None:
    page.click("#play")
    page.wait(f"{POSITION} > 0.05")
    page.js(METER)
    assert page.wait(f"Math.abs({LOUDEST_HZ} - {INPUT_HZ}) < 4")
    before = page.ask(POSITION)
    page.press("2")
    at = page.ask(POSITION)
    assert before <= at < before + 1.0
    assert page.wait(f"Math.abs({LOUDEST_HZ} - {HEARD_HZ}) < 4")
    assert page.ask("document.querySelector('#switch input:checked').value") == "1"
    page.press("x")
    assert page.wait(f"Math.abs({LOUDEST_HZ} - {INPUT_HZ}) < 4")
    page.js("document.activeElement.blur()")
    page.press(" ")
    stopped = page.wait(f"!{SOUND}.player.playing && {POSITION}")
    assert at < stopped < SECONDS
    assert page.ask(POSITION) == stopped


def test_recordings_stay_together_to_the_sample(window: Window) -> None:
    """The same sound twice: their difference, as it is heard, is silence."""
    rng = np.random.default_rng(3)
    noise = (0.2 * rng.standard_normal(12 * RATE)).astype(np.float32)
    items = [
        {"role": role, "file": written(noise, window.folder / f"{role}.wav")}
        for role in ("input", "heard")
    ]
    window.show(Report("listen", (), Verdict.PASS, section=ListenSection(items)))
    window.wait("!!window.auscult")
    window.js("auscult.sound.player.seek(9.5); auscult.sound.player.play()")
    window.wait(f"{POSITION} > 9.55")
    window.js(METER)
    rms = "(() => { const x = new Float32Array(8192); meter.getFloatTimeDomainData(x); return Math.hypot(...x) / 90; })()"
    assert window.wait(f"{rms} > 0.05")
    window.js("auscult.sound.player.choose('difference')")
    assert window.wait(f"{POSITION} > 10.4 && {rms} < 1e-6")


def test_it_stops_at_the_end_and_starts_again(page: Window) -> None:
    page.js(f"auscult.sound.player.seek({SECONDS - 0.15}); auscult.sound.player.play()")
    page.wait(f"!{SOUND}.player.playing")
    assert page.ask(POSITION) == pytest.approx(SECONDS)
    page.click("#play")
    assert page.wait(f"{POSITION} > 0 && {POSITION} < 2")


def test_a_loop_stays_within_its_range(page: Window) -> None:
    page.click("#finding-1 .time")
    page.click("#caption-loop")
    page.js("document.querySelector('#play').focus()")
    page.press(" ")
    page.js(f"window.seen = []; setInterval(() => seen.push({POSITION}), 5)")
    page.wait("seen.filter((at, index) => at < seen[index - 1]).length >= 2")
    seen = page.ask("seen")
    assert min(seen) >= GAPS[0][0] - 0.001
    assert (
        sorted(seen)[len(seen) * 9 // 10] <= GAPS[0][1] + 0.05
    )  # a busy machine may turn back late once


def test_a_flag_plays_its_time_in_a_loop_alone_and_as_the_difference(page: Window) -> None:
    page.click(".flag")
    page.wait(f"{SOUND}.player.playing && {SOUND}.player.loop")
    first, last = page.ask(f"{SOUND}.player.loop")
    assert first <= GAPS[0][0]
    assert last >= GAPS[0][1]
    assert page.ask(f"{SOUND}.view.from <= {first} && {SOUND}.view.to >= {last}")
    assert page.ask(f"{SOUND}.player.chosen === {SOUND}.current.event.track")
    page.click("#switch input[value=difference]")
    page.js(f"window.seen = []; setInterval(() => seen.push({POSITION}), 5)")
    page.wait("seen.filter((at, index) => at < seen[index - 1]).length >= 1")
    assert page.ask(f"{SOUND}.player.hearsDifference && Boolean({SOUND}.player.loop)")


def test_zooming_and_moving(page: Window) -> None:
    page.press("+")
    page.press("+")
    view = page.ask(f"{SOUND}.view")
    assert view["to"] - view["from"] == pytest.approx(SECONDS / 4)
    page.wait(DRAWN)
    page.drag("#overview", (view["from"] + view["to"]) / 2 / SECONDS, 0.75)
    moved = page.ask(f"{SOUND}.view")
    assert moved["to"] - moved["from"] == pytest.approx(SECONDS / 4)
    assert moved["from"] > view["from"] + 1.0
    page.press("0")
    assert page.ask(f"{SOUND}.view") == {"from": 0, "to": SECONDS}
    zoom = "new WheelEvent('wheel', {deltaY: -60, ctrlKey: true, clientX: innerWidth / 2, bubbles: true, cancelable: true})"
    page.js(f"document.querySelector('.stack').dispatchEvent({zoom})")
    assert page.ask(f"{SOUND}.view.to - {SOUND}.view.from") == pytest.approx(SECONDS * np.exp(-0.6))


def test_dragging_selects_and_a_press_goes_there(page: Window) -> None:
    page.drag(".lane-body canvas", 0.25, 0.5)
    first, last = page.ask(f"{SOUND}.selection")
    assert first == pytest.approx(SECONDS / 4, abs=0.02)
    assert last == pytest.approx(SECONDS / 2, abs=0.02)
    page.click(".lane-body canvas")
    assert page.ask(POSITION) == pytest.approx(SECONDS / 2, abs=0.02)


def test_the_difference_is_blue_where_less_and_orange_where_more(page: Window) -> None:
    page.press("d")
    colors = """
    const { picture } = auscult.sound.difference;
    const { data } = picture.canvas.getContext("2d").getImageData(picture.columnAt(0.5), 0, 1, picture.rows);
    const rowOf = (hertz) => picture.rows - 1 - Math.floor((hertz / 8000) * picture.rows);
    return arguments[0].map((hertz) => [...data.slice(4 * rowOf(hertz), 4 * rowOf(hertz) + 3)]);
    """
    less, more, same = page.js(colors, [INPUT_HZ, HEARD_HZ, 6000.0])
    assert less[2] - less[0] > 60
    assert more[0] - more[2] > 60
    assert max(same) < 40


def test_what_lies_beyond_a_recordings_band_or_end_is_no_data(window: Window) -> None:
    items: list[dict[str, object]] = [
        {"role": "input", "file": written(tone(430.0, 3.0, 16000), window.folder / "a.wav", 16000)},
        {
            "role": "heard",
            "file": written(tone(430.0, 2.0, 8000), window.folder / "b.wav", 8000),
            "start": 0.5,
        },
    ]
    finding = Finding(
        "SND020",
        "band-limited",
        Severity.WARNING,
        ("b.wav",),
        "nothing above 4 kHz",
        times=((0.25, 0.5),),
    )
    window.show(
        Report("listen", (), Verdict.DIVERGENT, findings=(finding,), section=ListenSection(items))
    )
    window.wait(f"window.auscult && {DRAWN}")
    at = "auscult.sound.lanes[1].levelAt"
    assert window.ask(f"{at}(1.5, 0.6)") is None
    assert window.ask(f"{at}(0.2, 0.05)") is None
    assert window.ask(f"{at}(2.8, 0.05)") is None
    assert window.ask(f"{at}(1.5, 430 / 8000)") > -8.0
    window.click("#finding-0 .time")
    assert window.ask(POSITION) == pytest.approx(0.75)
    assert "0:00.250 – 0:00.500" in window.text("#caption-text")
    window.js(
        "auscult.sound.player.seek(1.0); auscult.sound.player.play(); auscult.sound.player.choose(1)"
    )
    window.wait(f"{POSITION} > 1.05")
    window.js(METER)
    assert window.wait(f"Math.abs({LOUDEST_HZ} - 430) < 4")


def test_of_many_files_one_is_shown_with_its_reference(window: Window) -> None:
    folder = window.folder
    items: list[dict[str, Any]] = []
    for number in range(6):
        path = written(tone(300.0 + 100 * number, 1.0), folder / f"take{number}.wav")
        causes = (
            [{"cause": "buzz", "code": "SND001", "severity": "error", "times": [[0.25, 0.5]]}]
            if number == 4
            else []
        )
        items.append(
            {"role": "heard", "file": path, "seconds": 1.0, "sample_rate": RATE, "causes": causes}
        )
    finding = Finding("SND001", "buzz", Severity.ERROR, (items[4]["file"],), "buzzes")
    extra = {
        "recordings": items,
        "reference": {"file": written(tone(200.0, 1.0), folder / "reference.wav")},
    }
    window.show(
        Report(
            "listen",
            ("6 files",),
            Verdict.DIVERGENT,
            findings=(finding,),
            section=section_from_json("listen", extra),
        )
    )
    shown = (
        "auscult.sound.player.shown.map((index) => auscult.sound.tracks[index].title.split(':')[0])"
    )
    assert window.wait(f"window.auscult && {shown}") == ["Reference", "take4.wav"]
    assert (
        window.ask(
            "document.querySelectorAll('.lane').length - document.querySelectorAll('.lane[hidden]').length"
        )
        == 2
    )
    window.click("#files-table .vt-row", 2)
    assert window.ask(shown) == ["Reference", "take1.wav"]
    window.wait(f"{SOUND}.seen.every((lane) => lane.whole)")
    assert level(window, 2, 0.5, 400.0) - level(window, 0, 0.5, 200.0) == pytest.approx(
        0.0, abs=2.1
    )
    window.click("#finding-0 .place")
    assert window.ask(shown) == ["Reference", "take4.wav"]
    window.type_into("#files-filter", "buzz")
    window.wait("document.querySelector('#files-table').getAttribute('aria-rowcount') === '2'")
    window.click("#files-table .vt-row")
    window.click("#files-table + .detail .time")
    assert window.ask(POSITION) == pytest.approx(0.25)


def test_stereo_channels_can_be_looked_at_one_by_one(window: Window) -> None:
    """Of opposite polarity, the mix is silent and each channel is not."""
    samples = np.stack([tone(500.0, 1.0), -tone(500.0, 1.0)])
    items = [{"role": "recording", "file": written(samples, window.folder / "stereo.wav")}]
    window.show(Report("listen", (), Verdict.DIVERGENT, section=ListenSection(items)))
    window.wait(f"window.auscult && {DRAWN}")
    assert level(window, 0, 0.5, 500.0) < -80.0
    window.js(
        "const s = document.querySelector('#channel'); s.value = '1'; s.dispatchEvent(new Event('input'))"
    )
    window.wait(f"{SOUND}.lanes.every((lane) => lane.whole)")
    assert level(window, 0, 0.5, 500.0) > -7.0
