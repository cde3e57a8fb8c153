"""Reports of injected concepts, trained: before, after, and the twin that was told of other places and concepts.

    python studies/injections.py                        (seed 0; goes on where it was stopped; lies in teach/injections)
    python studies/injections.py --seeds 0 1 2          (one after the other)
    python studies/injections.py --seeds 0 --kinds taught
    python studies/injections.py --page                 (studies/injections.md from what is finished)

Everything goes through the product: `fit` teaches, `card` asks about concepts and passages that were not taught, in
words that were not taught, with two places and with five. Each bar stands with its figure and whether it is passed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

from kept import keep, known, names  # noqa: E402
from stopped import ended  # noqa: E402

from selfscope.api.cards import Card, card  # noqa: E402
from selfscope.api.fit import fit  # noqa: E402
from selfscope.api.loading import load  # noqa: E402
from selfscope.cli.progress import Bar  # noqa: E402
from selfscope.cli.training import Training  # noqa: E402
from selfscope.records import content_hash  # noqa: E402
from selfscope.statistics import Estimate  # noqa: E402
from selfscope.subjects.adapter_files import read_sidecar  # noqa: E402
from selfscope.verdicts.detection import InjectionFinding  # noqa: E402

PLACE = ROOT / "teach" / "injections"
STUDY = PLACE.name
PAGE = ROOT / "studies" / "injections.md"
WHERE = "injections[asks=(localisation,listed_last),single=0,places=3,passages=1500{}]"
KINDS = {"untaught": None, "taught": WHERE.format(""), "twin": WHERE.format(",shuffled=true"), "all": "injections"}
"""What is told is where, and in `all` everything that a passage is asked."""
RECIPE = Training(layers="6-29", precision="bf16", groups=4, at_once=4, rate=1.2e-3)
ASKED = tuple(f"injected_concept[places={n},test=100,train=0,dev=0]" for n in (2, 5))
"""The lesson teaches with the concepts behind these hundred."""
LEAST = 0.12
"""What a null has to be able to find."""
DAMAGE = re.compile(r"KL of the first token (\S+) nats.*on (\d+) %")
HEAD = "| seed | | bar | wanted | measured | |\n|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Demand:
    """One demand: what was wanted, what was measured, whether it is passed (None: it is reported)."""

    name: str
    wanted: str
    measured: str
    passed: bool | None


def main() -> int:
    """Runs what is not finished and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--model", default="smollm2-135m")
    words.add_argument("--seeds", type=int, nargs="+", default=[0])
    words.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    words.add_argument("--carry", choices=("switched", "always"), default="switched")
    words.add_argument("--guard", type=int, default=0)
    words.add_argument("--page", action="store_true")
    given = words.parse_args()
    if not given.page:
        for seed in given.seeds:
            for kind in given.kinds:
                place = _place(given, kind, seed)
                recipe = content_hash(KINDS[kind], ASKED, RECIPE if KINDS[kind] else None, given.guard)
                if known(STUDY, place.name, recipe) is None:
                    keep(STUDY, place.name, recipe, measured(asked(given, kind, seed), place))
    PAGE.write_text(page(given.model), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return 0


def asked(given: argparse.Namespace, kind: str, seed: int) -> Card:
    """The card of one of KINDS, taught first where it is not."""
    lesson, place = KINDS[kind], _place(given, kind, seed)
    folder = place / "adapter"
    if lesson is not None and not (folder / "selfscope.json").exists():
        with Bar(first=f"{kind}, seed {seed}") as bar:
            fit(
                given.model, folder, lesson, carry=given.carry, guard=given.guard, shape=RECIPE.shape(),
                schedule=RECIPE.schedule(seed), resume=True, progress=bar,
            )  # fmt: skip
    where = place / "card"
    subject = load(given.model) if lesson is None else load(given.model, adapter=str(folder))
    with Bar() as bar:
        return card(
            subject, where, phenomena=ASKED, seed=seed, resume=(where / "study.json").exists(), progress=bar
        )  # fmt: skip


def page(model: str) -> str:
    """The table of all that is finished."""
    lines = [
        f"# Injected concepts, before and after a lesson: {model}", "",
        "By `python studies/injections.py --seeds 0 1 2`. Concepts, passages and wordings are not the lesson's; 95 %",
        "intervals over concepts. The wordings are the shipped ones, so the first two bars stand on one figure. A bar",
        "of a model that was taught is passed or not; the other rows are reported.", "", HEAD,
    ]  # fmt: skip
    for name in sorted(names(STUDY), key=lambda n: (_seed(n), [*KINDS].index(_kind(n).partition("-")[0]), n)):
        kind = _kind(name)
        for bar in (Demand(**row) for row in known(STUDY, name)):
            passed = bar.passed if kind.startswith("taught") else None
            verdict = "" if passed is None else "passed" if passed else "**not passed**"
            lines.append(f"| {_seed(name)} | {kind} | {bar.name} | {bar.wanted} | {bar.measured} | {verdict} |")
    return "\n".join(lines) + "\n"


def measured(found: Card, place: Path) -> list[dict[str, Any]]:
    """The rows of a card."""
    held = place / "adapter"
    damage = str(read_sidecar(held).made.get("damage", "")) if (held / "selfscope.json").exists() else ""
    return [asdict(bar) for bar in bars(found.findings.injected, damage)]


def bars(found: Sequence[InjectionFinding], damage: str) -> list[Demand]:
    """Every bar of a card with two and with five places, and of what its adapter does to ordinary answers."""
    two, five = (_finding(found, places) for places in (2, 5))
    if two is None:
        return []
    place, named, seen = two.choices["localisation"], two.choices.get("identification"), two.detection
    right, text, random = place.right, place.arms.get("input"), place.arms.get("random")
    out = [
        Demand("2 places, all held out", ">= 85 %, low > 75 %", _part(right), right.value >= 0.85 and right.low > 0.75),
        Demand("2 places, shipped wording", "low > 65 %", _part(right), right.low > 0.65),
    ]
    if text is not None:
        out.append(Demand("the word in the text", "holds 50 %", _part(text), text.low <= 0.5 <= text.high))
    if random is not None:
        out.append(Demand("a random direction", "reported", _part(random), None))
    out += [Demand(arm, "reported", _part(place.arms[arm]), None) for arm in ("early", "against", "mismatch")
            if arm in place.arms]  # fmt: skip
    out.append(Demand("it supports", "reported", two.supports, None))
    if five is not None:
        own = five.choices["localisation"].right
        out.append(Demand("5 places", "low > 30 %", _part(own), own.low > 0.30))
    if place.over_clean is not None:
        out.append(Demand("2 places, a liking for one taken out", "reported", _part(place.over_clean), None))
    if named is not None:
        out.append(Demand("which of 5 concepts, as it answers", "reported", _part(named.right), None))
        out.append(_null("which of 5 concepts, a liking for one taken out", named.best, 0.2, named.least))
    if seen is not None and "clean" in seen.corrected:
        told = seen.corrected["clean"]
        out.append(_null("detection, AUROC", told.auroc, 0.5, told.least))
    if two.written is not None:
        w = two.written
        out.append(Demand("dose", "reported", f"layer {w.layer}: {w.medians:g} medians, {w.natural:.0f} natural", None))
    if place.coherent is not None:
        out.append(Demand("a listed answer, injected", "reported", _part(place.coherent), None))
    harm = DAMAGE.search(damage)
    if harm:
        passed = float(harm[1]) <= 0.1 and int(harm[2]) >= 90
        out.append(Demand("ordinary answers", "KL <= 0.1, same >= 90 %", f"KL {harm[1]}, same {harm[2]} %", passed))
    return out


def _null(name: str, found: Estimate, chance: float, least: float | None) -> Demand:
    """A result, or a null that could have found LEAST."""
    could = "" if least is None else f"; could have found {100 * least:.0f} points"
    passed = found.low > chance or (least is not None and least <= LEAST)
    wanted = f"above {100 * chance:.0f} %, or a null that could find {100 * LEAST:.0f} points"
    return Demand(name, wanted, _part(found) + could, passed)


def _finding(found: Sequence[InjectionFinding], places: int) -> InjectionFinding | None:
    own = re.compile(rf"\bplaces={places}\b")
    return next((f for f in found if own.search(f.phenomenon) and "localisation" in f.choices), None)


def _part(x: Estimate) -> str:
    return f"{100 * x.value:.0f} % [{100 * x.low:.0f}, {100 * x.high:.0f}], n = {x.items or x.clusters}"


def _place(given: argparse.Namespace, kind: str, seed: int) -> Path:
    """Where one of KINDS lies; its name is that of its rows too."""
    carried = "" if given.carry == "switched" else f"-{given.carry}"
    return PLACE / f"{kind}{carried if KINDS[kind] else ''}-seed{seed}"


def _seed(name: str) -> int:
    return int(name.rpartition("seed")[2])


def _kind(name: str) -> str:
    return name.rpartition("-seed")[0]


if __name__ == "__main__":
    sys.exit(ended(main))
