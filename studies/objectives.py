"""What each objective buys: equal tokens and labels, always on (with a guard) and switched, three seeds, two phenomena.

    python studies/objectives.py                       (all cells, one after the other; goes on where it was stopped)
    python studies/objectives.py --only own_choice-dpo-always-seed0
    python studies/objectives.py --part 0/2            (every second cell; another process takes --part 1/2)
    python studies/objectives.py --page                (studies/objectives.md and .svg from what is finished)

Every cell sees the same questions with the same labels, and beside them what is done, in the same order. It is asked
about categories of words, or texts, that nothing was taught with, in wordings that were not taught and in those that
were. Cells lie in teach/objectives/, one file each; a cell that was killed goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

import numpy as np  # noqa: E402
import objectives_page  # noqa: E402
from kept import keep, known, names  # noqa: E402
from stopped import ended  # noqa: E402

from selfscope.api.loading import load  # noqa: E402
from selfscope.cli.progress import Bar  # noqa: E402
from selfscope.phenomena.own_choice import OwnChoice  # noqa: E402
from selfscope.phenomena.token_probability import TokenProbability  # noqa: E402
from selfscope.records import TEMPLATES, content_hash  # noqa: E402
from selfscope.subjects.live_adapters import LoraShape  # noqa: E402
from selfscope.training.behaviours import behaviour_example  # noqa: E402
from selfscope.training.bias_vector import BiasShape, BiasVector, new_bias  # noqa: E402
from selfscope.training.damage import damage  # noqa: E402
from selfscope.training.examples import BEHAVIOUR, Example, example_of  # noqa: E402
from selfscope.training.kept_examples import kept_examples  # noqa: E402
from selfscope.training.loop import scored, train  # noqa: E402
from selfscope.training.objectives import option_shares, shift  # noqa: E402
from selfscope.training.references import referred  # noqa: E402
from selfscope.training.replay import replay_examples  # noqa: E402
from selfscope.training.schedule import Schedule  # noqa: E402
from selfscope.training.truths import TruthLesson  # noqa: E402

PLACE = ROOT / "teach" / "objectives"
MODEL = "smollm2-135m"
SEEDS = (0, 1, 2)
PHENOMENA: dict[str, Any] = {
    "own_choice": OwnChoice(test=40, train=80, dev=0, each=1),
    "token_probability": TokenProbability(test=60, train=100, dev=0),
}
TRIALS = 64
"""Questions of the train split, the same number for both phenomena."""
TESTED = 40
OBJECTIVES = ("mostly_options", "hard_labels", "brier", "dpo", "rl_brier", "rl_right", "agreement")
TWIN, BIAS, UNTAUGHT = "twin", "bias", "untaught"
CARRIES = ("always", "switched")
GUARD = 40
LAYERS = tuple(range(12, 30))
BIAS_LAYER = 12
FIT = Schedule(epochs=2, groups=8, at_once=8, rate=1e-3, precision="bf16")
BIAS_RATE = 2e-2
RECIPE = content_hash([str(p) for p in PHENOMENA.values()], TRIALS, TESTED, GUARD, LAYERS, BIAS_LAYER, FIT, BIAS_RATE)
"""Of all cells."""


@dataclass(frozen=True)
class Cell:
    """One thing that is taught, and asked."""

    phenomenon: str
    what: str
    carry: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.phenomenon}-{self.what}-{self.carry}-seed{self.seed}"


def cells() -> list[Cell]:
    """Seed by seed, so that what is finished can be looked at."""
    out = []
    for seed in SEEDS:
        for phenomenon in PHENOMENA:
            out.append(Cell(phenomenon, UNTAUGHT, "always", seed))
            out += [Cell(phenomenon, what, carry, seed) for what in (*OBJECTIVES, TWIN) for carry in CARRIES]
            out.append(Cell(phenomenon, BIAS, "always", seed))
    return out


def main() -> int:
    """Runs what is not finished and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--only", default="")
    words.add_argument("--part", default="0/1")
    words.add_argument("--page", action="store_true")
    words.add_argument("--small", action="store_true", help="a few questions a cell, in another folder")
    given = words.parse_args()
    place = PLACE.with_name(f"{PLACE.name}-small") if given.small else PLACE
    study = place.name
    if not given.page:
        part, parts = map(int, given.part.split("/"))
        todo = [c for k, c in enumerate(cells()) if given.only in c.name and k % parts == part]
        for k, cell in enumerate(todo):
            if known(study, cell.name, RECIPE) is None:
                start = time.monotonic()
                with Bar(first=f"{k + 1} of {len(todo)}: {cell.name}") as bar:
                    found = finished(cell, place, bar, small=given.small)
                found["wall"] = round(time.monotonic() - start, 1)
                keep(study, cell.name, RECIPE, found)
                shutil.rmtree(place / f"{cell.name}.run", ignore_errors=True)
                print(f"{cell.name}: {found['wall']:.0f} s, {found['damage']}", flush=True)
    if not given.small:
        objectives_page.write([known(study, name) for name in names(study)])
    return 0


@cache
def subject() -> Any:
    """The model, loaded once a process."""
    return load(MODEL)


def finished(cell: Cell, place: Path, bar: Bar, *, small: bool) -> dict[str, Any]:
    """What a cell found."""
    place.mkdir(parents=True, exist_ok=True)
    model, size = subject(), 10 if small else TRIALS
    own = _lesson(cell, place, size)
    tested = _tested(cell, place, 8 if small else TESTED)
    schedule = replace(FIT, seed=cell.seed, objective=cell.what if cell.what in OBJECTIVES else FIT.objective)
    bar.plan(1.0)

    def told(step: int, steps: int, loss: float) -> None:
        bar.step(f"{cell.name}, step {step} of {steps}, loss {loss:.2f}", 1 / steps)

    worn: Any = ()
    changed, seconds, steps = model, 0.0, 0
    if cell.what == BIAS:
        worn = new_bias(model, BiasShape(BIAS_LAYER))
        own, tested = worn.on(own), worn.on(tested)
        schedule = replace(schedule, rate=BIAS_RATE)
    elif cell.what != UNTAUGHT:
        worn = model.new_adapter(LoraShape(8, 16.0, LAYERS), cell.carry, seed=cell.seed)
    if cell.what != UNTAUGHT:
        done = train(model, worn, own, schedule, folder=place / f"{cell.name}.run", on_step=told)
        seconds, steps = done.seconds, done.steps
        changed = model.intervened(worn.injections()) if isinstance(worn, BiasVector) else model.adapted(worn)
    harm = damage(model, changed)
    found = {
        **vars(cell), "items": _items(model, worn, tested), "seconds": round(seconds, 1), "steps": steps,
        "tokens": sum(len(model.encode(replace(e.prompt, interventions=()))) for e in own),
        "examples": len(own), "kl": [harm.divergence.value, harm.divergence.se],
        "same": [harm.same.value, harm.same.se], "damage": str(harm),
    }  # fmt: skip
    if worn and not isinstance(worn, BiasVector):
        model.forget(worn)
    return found


def _lesson(cell: Cell, place: Path, size: int) -> list[Example]:
    """The same for every objective of a phenomenon and seed; a twin's labels are dealt out anew among its questions."""
    model, about = subject(), PHENOMENA[cell.phenomenon]
    lesson = TruthLesson(wordings=2, behaviours=True, shuffled=cell.what == TWIN)

    def made() -> list[Example]:
        trials = _able(about.pose(model, cell.seed), "train")[:size]
        own = lesson.examples(model, trials, lambda some: about.truth(some, about.observe(model, some)), cell.seed)
        return referred(model, own)

    key = content_hash(model.identity, lesson, about, size, cell.seed)
    own = kept_examples(place / f"lesson-{cell.phenomenon}-{lesson.shuffled}-seed{cell.seed}", key, made)
    guard = GUARD if cell.carry == "always" else 0
    key = content_hash(model.identity, guard, cell.seed)
    held = kept_examples(place / f"guard-{guard}-seed{cell.seed}", key, lambda: _guard(guard, cell.seed))
    return own + held


def _guard(count: int, seed: int) -> list[Example]:
    return referred(subject(), replay_examples(subject(), count, seed))


def _tested(cell: Cell, place: Path, size: int) -> list[Example]:
    """Of each question of the test split: what is done, and reports in a wording of the cards and in a taught one."""
    model, about = subject(), PHENOMENA[cell.phenomenon]

    def made() -> list[Example]:
        trials = _able(about.pose(model, cell.seed), "test")[:size]
        truths = about.truth(trials, about.observe(model, trials))
        out = []
        for k, (trial, truth) in enumerate(zip(trials, truths, strict=True)):
            group = f"{trial.cluster}\t{k}"
            done = behaviour_example(model, trial, truth.mean, group=group)
            taught = replace(trial, question=replace(trial.question, template=TEMPLATES + 100 + k))
            out += [e for e in (done,) if e is not None]
            for one, kind in ((trial, "held_out"), (taught, "taught")):
                out.append(example_of(one, truth.mean, "choice_lp", chat=model.chat, kind=kind, group=group))
        return referred(model, out)

    return kept_examples(place / f"test-{cell.phenomenon}-seed{cell.seed}",
                         content_hash(model.identity, about, size, cell.seed), made)  # fmt: skip


def _able(trials: list[Any], split: str) -> list[Any]:
    """One question an object, among options that are said."""
    seen: dict[str, Any] = {}
    for trial in trials:
        if trial.split == split and behaviour_example(subject(), trial, _flat(trial)) is not None:
            seen.setdefault(trial.observation, trial)
    return list(seen.values())


def _flat(trial: Any) -> list[float]:
    count = len(trial.question.options)
    return [1 / count] * count if count else [1.0]


def _items(model: Any, worn: Any, tested: list[Example]) -> list[dict[str, Any]]:
    """By question: the measured truth, what is done now, both reports, and how far they moved."""
    items: dict[str, dict[str, Any]] = {}
    for x, e in _each(model, worn, tested):
        own = items.setdefault(e.group, {"cluster": e.group.split("\t")[0], "truth": list(e.target)})
        name = "behaviour" if e.kind == BEHAVIOUR else e.kind
        own[name] = [round(float(p), 5) for p in option_shares(x, e).exp()]
        own[f"{name}_shift"] = round(shift(x, e), 5)
        own[f"{name}_mass"] = round(float(np.exp(x.numpy()).sum()), 4)
    return list(items.values())


def _each(model: Any, worn: Any, examples: list[Example]) -> Iterator[tuple[Any, Example]]:
    for found, part in scored(model, worn, examples):
        yield from zip(found, part, strict=True)


if __name__ == "__main__":
    sys.exit(ended(main))
