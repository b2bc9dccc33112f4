"""What the rules of sound say of clean recordings of the real world: each alarm is a true finding or a false one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from auscult.finding import Severity
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.subject import SoundSubject
from benchmarks.real_clip_sources import FRESH_PACKAGES, PACKAGES
from benchmarks.real_clips import (
    RealClip,
    find_cache,
    iter_real_clips,
    load_judgements,
)
from benchmarks.section import BenchContext, Goal, Section

HEADER = (
    "rule",
    *("false errors", "false warnings", "true findings", "information"),
    *("new: errors", "new: warnings", "new: true", "new: information"),
)
MAX_FALSE_WARNINGS = 0.01
PER_PACKAGE = 40
QUICK_PER_PACKAGE = 10


@dataclass
class AlarmCounts:
    """Findings of each cause on a number of clips."""

    clips: int
    false_errors: Counter[str]
    false_warnings: Counter[str]
    true_findings: Counter[str]
    information: Counter[str]

    @property
    def causes(self) -> list[str]:
        """Every cause that was told, in order."""
        return sorted(
            self.false_errors | self.false_warnings | self.true_findings | self.information
        )

    def count_each(self, cause: str) -> tuple[int, int, int, int]:
        """Its false errors, false warnings, true findings and information."""
        return (
            self.false_errors[cause],
            self.false_warnings[cause],
            self.true_findings[cause],
            self.information[cause],
        )


def run(bench: BenchContext) -> Section:
    """Count on the half of the clips that set no threshold; without the packages, say how to get them."""
    cache = find_cache()
    packages = [package for package in PACKAGES if (cache / package).is_dir()]
    if not packages:
        return Section(
            "False alarms on real recordings",
            "Not measured: `python -m benchmarks.real_clips` fetches the recordings.",
            goals=[Goal("false alarms on real recordings", "errors 0", "not measured", None)],
        )
    per_package = PER_PACKAGE
    if bench.quick:
        per_package = QUICK_PER_PACKAGE
    counts = count_alarms(iter_real_clips(cache, reported=True, per_package=per_package))
    fresh = count_alarms(
        iter_real_clips(cache, reported=None, per_package=per_package, packages=FRESH_PACKAGES)
    )
    text = (
        f"{counts.clips} clips of {len(packages)} Debian packages and of speech engines (prompts of telephones in five languages, "
        "spoken letters and words in many, read books, music, sounds of games, single notes), which `python -m benchmarks.real_clips` "
        f"fetches: at most {per_package} of each package, the first 10 s, `auscult listen` without a reference. The half of the "
        "files that is reported is chosen by a hash of their names. Some rules (`interleave`, `dc`, `companded-suspected`, "
        "`window-ripple`, `end-cut`) were mended after this half had been seen, so it is not blind for them. The columns `new` are "
        f"{fresh.clips} clips of {len(FRESH_PACKAGES)} further packages, which came after the rules and set no threshold. A finding "
        "that is true (a prompt that *is* cut off at full scale) is no alarm: `benchmarks/real_clips_judged.json` says which those "
        "are, and why, from the numbers of each waveform or its spectrogram. The new packages have not been judged: all that is told of them counts as false."
    )
    goals = [*make_goals(counts, "real recordings"), *make_goals(fresh, "new real recordings")]
    return Section("False alarms on real recordings", text, HEADER, make_rows(counts, fresh), goals)


def count_alarms(clips: Iterable[RealClip]) -> AlarmCounts:
    """Listen to every clip, and sort what is said by the judgements."""
    judged = load_judgements()
    counts = AlarmCounts(0, Counter(), Counter(), Counter(), Counter())
    for clip in clips:
        counts.clips += 1
        findings, _ = run_sound_rules(SoundSubject(clip.recording))
        for finding in findings:
            if finding.severity is Severity.INFO:
                counts.information[finding.cause] += 1
            elif finding.cause in judged.get(clip.name, {}):
                counts.true_findings[finding.cause] += 1
            elif finding.severity is Severity.ERROR:
                counts.false_errors[finding.cause] += 1
            else:
                counts.false_warnings[finding.cause] += 1
    return counts


def make_rows(*parts: AlarmCounts) -> list[tuple[str, ...]]:
    """A row for each cause that was told of any of the parts, four columns a part."""
    causes = sorted({cause for part in parts for cause in part.causes})
    return [
        (f"`{cause}`", *(str(n) for part in parts for n in part.count_each(cause)))
        for cause in causes
    ]


def make_goals(counts: AlarmCounts, material: str) -> list[Goal]:
    """No false error, and few false warnings of each rule."""
    if not counts.clips:
        return [Goal(f"false alarms on {material}", "errors 0", "not measured", None)]
    errors = sum(counts.false_errors.values())
    worst, number = max(
        counts.false_warnings.items(), key=lambda item: item[1], default=("none", 0)
    )
    share = number / counts.clips
    return [
        Goal(f"false errors on {material}", "0", f"{errors} of {counts.clips}", errors == 0),
        Goal(
            f"false warnings of the worst rule on {material}",
            f"<= {MAX_FALSE_WARNINGS:.0%}",
            f"{share:.1%} (`{worst}`, {number} of {counts.clips})",
            share <= MAX_FALSE_WARNINGS,
        ),
    ]
