"""A report that is taught to follow a state set by a vector: before, after, and its twin taught on shuffled states.

    python studies/reporter.py                     (seed 0; goes on where it was stopped; lies in teach/study)
    python studies/reporter.py --seeds 0 1 2       (one after the other)
    python studies/reporter.py --page              (the table of studies/reporter.md from what is finished)

Everything goes through the product: `fit` teaches, `card` asks on held-out categories of words, in wordings and of
persons that were not taught, under vectors of another making. The verdict is the card's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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

PLACE = ROOT / "teach" / "study"
STUDY = "reporter"
PAGE = ROOT / "studies" / "reporter.md"
RECIPE = Training(layers="4-29", precision="bf16")
"""As `make teach`."""
ABOUT = "own_choice"
KINDS = {"untaught": None, "taught": "states", "twin": "states[shuffled=true]"}
HEAD = (
    "| seed | | verdict | moved along | less the same words | less a third person | ordinary answers | fit, s |\n"
    "|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    """Runs what is not finished and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--model", default="smollm2-135m")
    words.add_argument("--seeds", type=int, nargs="+", default=[0])
    words.add_argument("--page", action="store_true")
    given = words.parse_args()
    if not given.page:
        for seed in given.seeds:
            for kind in KINDS:
                name, recipe = f"{kind}-seed{seed}", content_hash(KINDS[kind], ABOUT, RECIPE)
                if known(STUDY, name, recipe) is None:
                    keep(STUDY, name, recipe, cells(asked(given.model, kind, seed), PLACE / name))
    PAGE.write_text(page(given.model), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return 0


def asked(model: str, kind: str, seed: int) -> Card:
    """The card of one of KINDS, taught first where it is not."""
    place, lesson = PLACE / f"{kind}-seed{seed}", KINDS[kind]
    folder = place / "adapter"
    if lesson is not None and not (folder / "selfscope.json").exists():
        with Bar(first=f"{kind}, seed {seed}") as bar:
            fit(
                model, folder, lesson, shape=RECIPE.shape(), schedule=RECIPE.schedule(seed),
                resume=True, progress=bar,
            )  # fmt: skip
    where = place / "card"
    subject = load(model) if lesson is None else load(model, adapter=str(folder))
    with Bar() as bar:
        return card(
            subject, where, phenomena=[ABOUT], seed=seed, resume=(where / "study.json").exists(), progress=bar
        )  # fmt: skip


def page(model: str) -> str:
    """The table of all that is finished."""
    lines = [
        f"# A report that is taught to follow a state: {model}", "",
        "By `python studies/reporter.py --seeds 0 1 2`. Slopes of the report on the change of what it does, with 95 %",
        "intervals over categories of words that were not taught; wordings, persons and vectors are not the lesson's.",
        "", HEAD,
    ]  # fmt: skip
    for name in sorted(names(STUDY), key=lambda n: (int(n.rpartition("seed")[2]), list(KINDS).index(_kind(n)))):
        lines.append(f"| {' | '.join((name.rpartition('seed')[2], _kind(name), *known(STUDY, name)))} |")
    return "\n".join(lines) + "\n"


def _kind(name: str) -> str:
    return name.rpartition("-seed")[0]


def cells(found: Card, place: Path) -> list[str]:
    """A line of the table, from the verdict on."""
    claim, adapter = found.claims[0], place / "adapter"
    made = read_sidecar(adapter).made if (adapter / "selfscope.json").exists() else {}
    verdict = f"{claim.verdict} ({claim.basis})" if claim.basis else str(claim.verdict)
    return [
        verdict, _plus(claim.beyond_words, claim.causal_control), _text(claim.beyond_words),
        _text(claim.beyond_person), str(made.get("damage", "")).partition(": ")[2], str(made.get("seconds", "")),
    ]  # fmt: skip


def _text(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _plus(net: Estimate | None, control: Estimate | None) -> str:
    return "" if net is None or control is None else f"{net.value + control.value:.2f}"


if __name__ == "__main__":
    sys.exit(ended(main))
