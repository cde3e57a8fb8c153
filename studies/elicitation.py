"""The ladder of elicitation: from plain asking over framings and examples to adapters with 10 to 3,000 labels.

    python studies/elicitation.py                       (goes on where it was stopped; lies in teach/elicitation)
    python studies/elicitation.py --only words          (one of the two phenomena)
    python studies/elicitation.py --only words --labels 10 30 --plain --place try     (some rungs, nothing else)
    python studies/elicitation.py --page                (studies/elicitation.md from what is finished)

Each adapter is taught by `fit` (a stopped one goes on), all are asked by `elicit` in one study, and the adapter with
REFERENCE labels is looked into by `audit`. Beside it: a twin with shuffled labels, one with the labels of another
model, and that other model shown examples or taught the same labels.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

from kept import FOUND, keep, known  # noqa: E402
from stopped import ended  # noqa: E402

from selfscope.api.audit import audit  # noqa: E402
from selfscope.api.audit_findings import HEAD as AUDITED  # noqa: E402
from selfscope.api.audit_findings import Audit  # noqa: E402
from selfscope.api.elicit import elicit  # noqa: E402
from selfscope.api.elicitation import ALL, HEAD, Elicitation, line_of  # noqa: E402
from selfscope.api.fit import fit  # noqa: E402
from selfscope.api.loading import load  # noqa: E402
from selfscope.api.organisms import make, usual_schedule  # noqa: E402
from selfscope.cli.progress import Bar  # noqa: E402
from selfscope.cli.training import Training  # noqa: E402
from selfscope.readers.other_model import OtherModel  # noqa: E402
from selfscope.records import content_hash  # noqa: E402
from selfscope.study.names import built  # noqa: E402
from selfscope.subjects.adapter_files import is_ours, read_sidecar  # noqa: E402

STUDY = "elicitation"
PAGE = ROOT / "studies" / "elicitation.md"
ABOUT = {
    "words": "token_probability[test=60,train=500,dev=20,each=6,properties=(first_char,first_word)]",
    "answers": "self_prediction[test=60,train=320,dev=20,rollouts=10]",
}
MOST = {"words": 3000, "answers": 1000}
"""Labels at most: the packaged texts give no more."""
REFERENCE = 1000
"""Labels of the twins, of the rival and of what is audited."""
FROM = 0.4
"""Of the blocks those from here on get an adapter."""
ORGANISM = "habit[mark=begins,word=Well,rate=1.0]"


@dataclass(frozen=True)
class Effort:
    """How an adapter of so many labels is taught: wordings of each, times that everything is seen, objects a step.
    bias: one vector in the place of the adapter, which shows how much was willingness."""

    labels: int
    wordings: int
    epochs: float
    groups: int
    bias: bool = False

    def lesson(self, *, shuffled: bool = False) -> str:
        """As `fit` takes it."""
        return f"truths[labels={self.labels},shuffled={str(shuffled).lower()},wordings={self.wordings}]"


EFFORTS = (
    Effort(10, 8, 5.0, 2), Effort(30, 4, 4.0, 4), Effort(100, 2, 3.0, 8), Effort(300, 2, 2.0, 8),
    Effort(1000, 1, 1.5, 8), Effort(3000, 1, 1.0, 8),
)  # fmt: skip
"""Few labels are seen more often, so that no rung is left with a handful of steps."""


def main() -> int:
    """Runs what is not finished and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--model", default="smollm2-135m")
    words.add_argument("--other", default="gemma3-270m")
    words.add_argument("--only", choices=[*ABOUT], nargs="+", default=[*ABOUT])
    words.add_argument("--labels", type=int, nargs="+", default=[e.labels for e in EFFORTS])
    words.add_argument("--plain", action="store_true", help="neither twins nor another model nor an audit")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--place", default=STUDY, help="a folder in teach/")
    words.add_argument("--page", action="store_true")
    given = words.parse_args()
    place = ROOT / "teach" / given.place
    usual = given.place == STUDY
    page, kept = (PAGE, FOUND) if usual else (place / PAGE.name, place / "found")
    parts = []
    for name in given.only:
        if not given.page:
            climb(given, name, place / name)
            keep(STUDY, name, content_hash(ABOUT[name], EFFORTS, REFERENCE), measured(place / name), kept)
        parts.append(page_of(name, kept, page))
    text = HEADING.format(model=given.model, reference=REFERENCE) + "\n".join(parts)
    page.write_text(text, encoding="utf-8")
    print(text)
    return 0


def climb(given: argparse.Namespace, name: str, place: Path) -> None:
    """One phenomenon: every adapter, the ladder, the audit."""
    about, other, start = ABOUT[name], Path(given.other).name, time.monotonic()
    efforts = [e for e in EFFORTS if e.labels in given.labels and e.labels <= MOST[name]]
    wanted = [(f"labels-{e.labels}", e, e.lesson(), None, given.model) for e in efforts]
    told_of = []
    if not given.plain:
        twin = next(e for e in EFFORTS if e.labels == REFERENCE)
        wanted += [
            (f"bias-{REFERENCE}", replace(twin, bias=True), twin.lesson(), None, given.model),
            (f"shuffled-{REFERENCE}", twin, twin.lesson(shuffled=True), None, given.model),
            (f"of-{other}-{REFERENCE}", twin, twin.lesson(), given.other, given.model),
        ]
        told_of = [(f"{other}-taught-{REFERENCE}", twin, twin.lesson(), given.model, given.other)]
    for folder, effort, lesson, labels_of, model in [*wanted, *told_of]:
        taught(place / folder, effort, lesson, labels_of, model, about, given.seed)
    rivals = []
    if not given.plain:
        observer = load(given.other)
        rivals = [OtherModel(observer, k=16), *(OtherModel(observer, adapter=str(place / t[0])) for t in told_of)]
    where = place / "ladder"
    with Bar() as bar:
        found = elicit(
            given.model, where, about, taught=[place / w[0] for w in wanted], rivals=rivals, seed=given.seed,
            resume=(where / "study.json").exists(), progress=bar,
        )  # fmt: skip
    (place / "ladder.md").write_text(ladder_page(found), encoding="utf-8")
    (place / "ladder.svg").write_text(found.figure(), encoding="utf-8")
    if not given.plain and not (place / "audit.md").exists():
        looked_into(given, place, about)
    print(f"{name}: {(time.monotonic() - start) / 60:.0f} minutes in this sitting", flush=True)


def taught(
    folder: Path, effort: Effort, lesson: str, labels_of: str | None, model: str, about: str, seed: int
) -> None:
    """An adapter, where it is not there."""
    if is_ours(folder):
        return
    subject: Any = load(model)
    first = round(FROM * len(subject.layers))
    usual = Training(
        carry="always" if effort.bias else "switched", bias=first if effort.bias else None,
        layers=f"{first}-{subject.layers[-1]}", precision="bf16", epochs=effort.epochs, groups=effort.groups,
        at_once=effort.groups,
    )  # fmt: skip
    with Bar(first=folder.name) as bar:
        done = fit(
            subject, folder, lesson, phenomenon=about, carry=usual.carry, shape=usual.shape(),
            schedule=usual.schedule(seed), labels_of=labels_of, resume=True, progress=bar,
        )  # fmt: skip
    print(done, flush=True)


def looked_into(given: argparse.Namespace, place: Path, about: str) -> None:
    """The audit of the reference, under an organism's behaviour too."""
    organism = place.parent / "well"
    base = load(given.model)
    with Bar(first="teaching the organism") as bar:
        planted = built("organism", ORGANISM)
        make(planted, base, organism, schedule=usual_schedule(given.seed), resume=True, progress=bar)
    with Bar(first="looking into it") as bar:
        found = audit(
            place / f"labels-{REFERENCE}", about, model=base, twin=place / f"shuffled-{REFERENCE}", shifted=[organism],
            seed=given.seed, progress=bar,
        )  # fmt: skip
    (place / "audit.md").write_text(audit_page(found), encoding="utf-8")


HEADING = """# The ladder of elicitation: {model}

By `python studies/elicitation.py`. *skill*: 0 is the base rate, 1 the truth. *over linear*: skill beyond that of a
linear model of the text with the same labels, paired. *beside rivals*: slope of the report on what the model does,
beside what others forecast; *seen from*: the slope that would have been found with a power of 0.8. Intervals are of
95 %, over clusters of the test split: no text, and no wording, that is asked about was taught. Rungs named plain,
introspective and accurate are asked without training. Rungs `shuffled` and `of-...` are twins: as many labels, of other
questions or of another model. What is audited has {reference} labels.

"""


def measured(place: Path) -> dict[str, Any]:
    """Of one phenomenon, what the page shows: its ladder, its figure, its audit, what teaching took."""
    files = {"ladder": "ladder.md", "figure": "ladder.svg", "audit": "audit.md"}
    found: dict[str, Any] = {
        key: (place / name).read_text(encoding="utf-8") for key, name in files.items() if (place / name).exists()
    }
    spent = [float(read_sidecar(p).made.get("seconds", 0)) for p in sorted(place.glob("*")) if is_ours(p)]
    return {**found, "adapters": len(spent), "seconds": sum(spent)}


def page_of(name: str, kept: Path, page: Path) -> str:
    """What is finished of one phenomenon."""
    found = known(STUDY, name, place=kept)
    lines = [f"## {ABOUT[name].partition('[')[0]}", "", f"`{ABOUT[name]}`", ""]
    if found is None:
        return "\n".join([*lines, "Not measured.", ""])
    figure = page.with_name(f"elicitation-{name}.svg")
    figure.write_text(found["figure"], encoding="utf-8")
    lines += [f"![skill against rung]({figure.name})", "", found["ladder"], *filter(None, [found.get("audit")])]
    lines.append(f"{found['adapters']} adapters, taught in {found['seconds'] / 60:.0f} minutes.\n")
    return "\n".join(lines)


def ladder_page(found: Elicitation) -> str:
    """A table for each kind of question."""
    out = []
    for quantity, rungs in found.rungs.items():
        out += [f"### {quantity if quantity == ALL else f'`{quantity}`'}", "", f"| {' | '.join(HEAD)} |",
                f"|{'---|' * len(HEAD)}"]  # fmt: skip
        out += [*(f"| {' | '.join(line_of(rung))} |" for rung in rungs), ""]
    return "\n".join(out)


def audit_page(found: Audit) -> str:
    """The audit as a table."""
    rows = [f"| {' | '.join(row)} |" for row in found.lines()]
    return "\n".join([f"### What was learnt: `{found.folder.name}`", "", f"| {' | '.join(AUDITED)} |",
                      f"|{'---|' * len(AUDITED)}", *rows, ""])  # fmt: skip


if __name__ == "__main__":
    sys.exit(ended(main))
