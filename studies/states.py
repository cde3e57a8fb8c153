"""States of a model: every phenomenon that reads one, by every channel, on the bundled models. One table.

    python studies/states.py                             (all; goes on where it was stopped; lies in teach/states)
    python studies/states.py --models smollm2-135m --only knowledge identity
    python studies/states.py --page                      (studies/states.md from what is finished)

Each part is a card through the product; what stands in the table is kept in found/states.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

from kept import FOUND, keep, known  # noqa: E402
from states_page import STUDY, lines_of, page  # noqa: E402
from stopped import ended  # noqa: E402

import selfscope  # noqa: E402
from selfscope.api.cards import planned  # noqa: E402
from selfscope.cli.progress import Bar  # noqa: E402
from selfscope.records import content_hash  # noqa: E402

PLACE = ROOT / "teach" / "states"
PAGE = ROOT / "studies" / "states.md"
USERS = "only=(gender,age,mood,expertise),stated=0"
PARTS = {
    "programming_success": "programming_success[source=human_eval,test=90,train=30,dev=0,rollouts=10]",
    "knowledge": "knowledge[test=60,train=60]",
    "lying": "lying[test=20,train=16,dev=0,rollouts=4]",
    "identity": "identity",
    "goals": "goals",
    "resistance": "resistance",
    "current_or_past": "current_or_past",
    "self_model": "self_model[messages=24,tasks=6,draws=2,described=40,mapped=6]",
    "user_beliefs": f"user_beliefs[test=40,train=40,{USERS}]",
    "user_treatment": f"user_treatment[test=40,train=40,dev=0,{USERS}]",
}
MODELS = {
    "smollm2-135m": [name for name in PARTS if name != "programming_success"],
    "qwen2.5-coder-0.5b": list(PARTS),
}
"""What each is asked: a model that writes no program that passes has nothing to forecast."""


def main() -> int:
    """Runs what is not finished and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--models", nargs="+", default=list(MODELS), metavar="MODEL")
    words.add_argument("--only", nargs="+", default=list(PARTS), choices=list(PARTS))
    words.add_argument("--place", type=Path, default=PLACE, help="where its cards lie")
    words.add_argument("--found", type=Path, default=FOUND, help="where its figures are kept")
    words.add_argument("--page", action="store_true", help="write the page from what is finished, and run nothing")
    given = words.parse_args()
    for model in [] if given.page else given.models:
        for name in MODELS.get(model, list(PARTS)):
            if name in given.only:
                measure(model, name, given.place / model / name, given.found)
    PAGE.write_text(page(given.found), encoding="utf-8")
    return 0


def measure(model: str, name: str, folder: Path, found: Path) -> None:
    """A card of one phenomenon, and its lines kept, unless they are."""
    study = planned(model, phenomena=[PARTS[name]])
    parts = [(p.phenomenon.id, [r.id for r in p.readers], [c.id for c in p.controls]) for p in study.plans]
    recipe = content_hash(study.subject.identity, study.seed, parts)
    kept = f"{re.sub('[^a-z0-9.=]', '-', model.lower())}-{name}"
    if known(STUDY, kept, recipe, found) is not None:
        return
    print(f"{model}: {PARTS[name]}", flush=True)
    with Bar() as progress:
        card = selfscope.card(
            study.subject, folder, phenomena=[PARTS[name]], resume=(folder / "study.json").exists(), progress=progress
        )
    print(card, flush=True)
    spent = sum(cost.seconds for cost in card.contents.costs.values())  # of all sittings
    value = {"model": model, "phenomenon": PARTS[name], "seconds": spent, "lines": [asdict(x) for x in lines_of(card)]}
    keep(STUDY, kept, recipe, value, found)


if __name__ == "__main__":
    sys.exit(ended(main))
