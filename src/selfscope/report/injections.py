"""What a subject said of injections into its stream -> a section: where, where more, which, and did it notice?"""

from __future__ import annotations

from collections.abc import Sequence

from selfscope.report import labels
from selfscope.report.activation_format import anchor, asked, part
from selfscope.report.document import Axis, AxisMark, Inside, Tick
from selfscope.report.format import clean, decimal, percent
from selfscope.report.labels import Labels
from selfscope.report.material import Material
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.detection import AGAINST, Detection, InjectionFinding
from selfscope.verdicts.injected_choices import ADDRESS, ALARM, CONTENT, Written

TASKS = {
    "localisation": "which sentence was touched",
    "strength": "which passage was touched more",
    "identification": "which concept it was",
}
ARMS = {"clean": "nothing injected", "random": "a random vector", "input": "the word in the text"}
PLACES = {
    "random": "a random direction written there", "early": "the vector, at an earlier layer",
    "input": "its word in the text there, nothing written", "against": "the vector, its word in another sentence",
    "mismatch": "the vector, asked which number is listed last",
}  # fmt: skip
CLAIMS = {
    CONTENT: "Content: it can say which concept was written.",
    ALARM: "An alarm with an address, not content: it finds the sentence just as well where a random direction is "
    "written, and cannot say which concept it was.",
    ADDRESS: "An address, not content: it finds the sentence, and cannot say which concept it was.",
}
"""What the tasks that no shift towards yes can pass support."""
CAPTION = "Part of the items answered rightly, 95\u202f% intervals over concepts; chance stands beside each task."


def injections(name: str, findings: Sequence[InjectionFinding], material: Material) -> Inside:
    """One section for all readers that were asked about injections."""
    names = material.names
    tables = [table for finding in findings for table in _tables(finding, names)]
    return Inside(
        anchor=anchor(name), title=names.phenomenon(name), asks=names.asks(name), says=sentence(findings),
        items=asked(name, material), ladder=_ladder(findings, names), more=tuple(tables),
        notes=tuple(n for finding in findings for n in _notes(finding)),
    )  # fmt: skip


def sentence(findings: Sequence[InjectionFinding]) -> str:
    """The tasks that a shift towards yes cannot pass first, and whether they are content; detection only with that
    shift beside it."""
    able = []
    for finding in findings:
        for task, choice in finding.choices.items():
            if choice.passed:
                able.append(f"{TASKS[task]} ({part(choice.best).both}, chance {percent(choice.chance)})")
    ability = "It can say " + "; ".join(dict.fromkeys(able)) if able else (
        "It tells neither where nor how strongly nor what was injected better than chance"
    )  # fmt: skip
    claims = [CLAIMS[claim] for claim in CLAIMS if any(f.supports == claim for f in findings)]
    ability = f"{ability}. {claims[0][:-1]}" if claims else ability
    detections = [finding.detection for finding in findings if finding.detection is not None]
    if not detections:
        return f"{ability}."
    if any(d.notices for d in detections):
        return f"{ability}. It notices an injection beyond the shift towards yes that unrelated questions show."
    shown = next((d for d in detections if "clean" in d.corrected), detections[0])
    against_clean = shown.corrected.get("clean")
    area = f" (AUROC {_both(against_clean.auroc)} after the correction)" if against_clean else ""
    return f"{ability}. That it notices is not supported{area}."


def _both(x: Estimate) -> str:
    return f"{decimal(x.value)} [{decimal(x.low)}, {decimal(x.high)}]"


def _ladder(findings: Sequence[InjectionFinding], names: Labels) -> Axis | None:
    marks = []
    for finding in findings:
        for task, choice in finding.choices.items():
            label = f"{labels.sentence_case(TASKS[task])} ({clean(names.reader(finding.reader), 60)})"
            marks.append(AxisMark(label, f"chance {percent(choice.chance)}", "self", part(choice.right)))
            if choice.over_clean is not None:
                note = f"chance {percent(choice.chance)}; against the same question with nothing injected"
                beyond = part(choice.over_clean)
                marks.append(AxisMark(f"{label}, beyond its clean twin", note, "probe", beyond, strong=True))
    if not marks:
        return None
    return Axis(-0.02, 1.02, (Tick(0.0, "0"), Tick(0.5, "50", "faint"), Tick(1.0, "100\u202f%")), tuple(marks), CAPTION)


def _tables(finding: InjectionFinding, names: Labels) -> list[Table]:
    who = clean(names.reader(finding.reader), 60)
    found = [_choices(finding, who)] if finding.choices else []
    d = finding.detection
    if d is None:
        return found
    rows = []
    if d.naive is not None:
        rows.append(("as mostly reported: against nothing, uncorrected", _both(d.naive.auroc), _both(d.naive.d_prime)))
    for arm in AGAINST:
        if arm in d.corrected:
            x = d.corrected[arm]
            rows.append((f"against {ARMS[arm]}, shift towards yes taken out", _both(x.auroc), _both(x.d_prime)))
    head = ("does it notice", "AUROC", "d′")
    note = "The correction takes out how much the same injection moves “yes” on unrelated questions of known answer."
    return [*found, Table(f"Detection, {who}", head, tuple(rows), (1, 2), note), _rates(d)]


def _choices(finding: InjectionFinding, who: str) -> Table:
    """Each task, its arms, and what could have been found."""
    rows = []
    for task, choice in finding.choices.items():
        held = "" if choice.coherent is None else percent(choice.coherent.value)
        least = "" if choice.least is None else f"{decimal(100 * choice.least, 0)}\u202fpoints"
        rows.append((TASKS[task], part(choice.right).both, percent(choice.chance), least, held))
        rows += [(f"— {PLACES[arm]}", part(x).both, percent(choice.chance), "", "") for arm, x in choice.arms.items()]
    head = ("names what was touched", "part", "chance", "could have been found", "a listed answer")
    return Table(f"Choices, {who}", head, tuple(rows), (1, 2, 3, 4), _dose(finding.written))


def _dose(written: Written | None) -> str:
    if written is None:
        return ""
    return (
        f"Written at layer {written.layer}: {decimal(written.medians, 1)} times the median norm of ordinary tokens, "
        f"which is {decimal(written.natural, 0)} times the length of the concept’s own vector."
    )


def _rates(d: Detection) -> Table:
    rows = [("says yes when injected (hits)", part(d.hits).both)]
    rows += [(f"says yes to {ARMS.get(arm, arm)} (false alarms)", part(x).both) for arm, x in d.false_alarms.items()]
    rows.append(("log-odds of “yes” under the injection, on the question itself", f"{_both(d.said_yes)} nats"))
    rows += [
        (f"the same on unrelated questions, {'concept' if arm == 'real' else 'random'} vector", f"{_both(x)} nats")
        for arm, x in d.unrelated.items()
    ]
    return Table("Answers and the shift towards yes", ("", "95\u202f%"), tuple(rows), (1,))


def _notes(finding: InjectionFinding) -> list[str]:
    d = finding.detection
    if d is None or not d.missing:
        return []
    return [f"Controls of detection that were not run: {', '.join(d.missing)}."]
