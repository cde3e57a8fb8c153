"""Organisms: does a report follow what is known to be planted, and what does planting cost?

    python studies/organisms.py guard          (gain against damage, on messages that are neither taught nor of test)
    python studies/organisms.py doses          (a habit in five doses: slope of the report on the measured rate)
    python studies/organisms.py shaping        (one trait by training, by a vector, by turns: report and behaviour)
    python studies/organisms.py access         (a reporter on top of organisms: the verdict; states set by an adapter)
    python studies/organisms.py page           (studies/organisms.md from what is finished; all parts write it too)

Each part goes on where it was stopped. What was measured lies in studies/found. Organisms that
`selfscope organism bank MODEL -o teach/organisms/bank` made are taken from there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "studies")]

from kept import FOUND, keep, known  # noqa: E402
from organism_access import ABOUT, LESSONS, by_adapter, verdicts  # noqa: E402
from organism_page import FIGURE, PAGE, STUDY, drawn, page  # noqa: E402
from stopped import ended  # noqa: E402

from selfscope.api.awareness import SHOWN, SHOWN_RATES, asked, in_context  # noqa: E402
from selfscope.api.loading import load  # noqa: E402
from selfscope.api.organism_bank import BANK, planned  # noqa: E402
from selfscope.api.organism_folders import opened  # noqa: E402
from selfscope.api.organisms import GUARD, TWIN, make, usual_schedule, usual_shape  # noqa: E402
from selfscope.cli.progress import Bar  # noqa: E402
from selfscope.organisms.favourite import Favourite  # noqa: E402
from selfscope.organisms.goal import Goal  # noqa: E402
from selfscope.organisms.guard import begun  # noqa: E402
from selfscope.organisms.habit import Habit  # noqa: E402
from selfscope.organisms.secret_word import SecretWord  # noqa: E402
from selfscope.organisms.speech import heard, said_to, share_of  # noqa: E402
from selfscope.organisms.vector_trait import VectorTrait  # noqa: E402
from selfscope.phenomena.behavioural_self_awareness import BehaviouralSelfAwareness  # noqa: E402
from selfscope.phenomena.stimuli.ordinary import exchanges  # noqa: E402
from selfscope.subjects.written_files import put_on  # noqa: E402
from selfscope.training.damage import damage  # noqa: E402
from selfscope.training.loop import train  # noqa: E402

PLACE = ROOT / "teach" / "organisms"
GUARDS = (0, 80, 160, 320, 640)
DEV = 48
"""Messages of the train split that no lesson of the curve has."""
RATES = (0.0, 0.25, 0.5, 0.75, 1.0)
TRAIT = "food"
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "training": {f"food-{100 * r:.0f}": Habit(mark="mentions", word=TRAIT, rate=r) for r in (0.25, 0.5, 1.0)},
    "vector": {f"vector-{s:g}": VectorTrait(trait=TRAIT, strength=s) for s in (0.15, 0.3, 0.6)},
}
"""Ways to shape, each with its subjects. One more way: an adapter's folder, given with --more."""
FEW = {"size": 12, "prompts": 4, "draws": 1}
LITTLE = {"messages": 4, "rollouts": 1}
"""With --quick: of what is taught, and of what is asked."""


def main() -> int:
    """Runs one part and writes the page."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("part", choices=("guard", "doses", "shaping", "access", "page"))
    words.add_argument("--model", default="smollm2-135m")
    words.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    words.add_argument("--place", type=Path, default=PLACE)
    words.add_argument("--more", nargs="*", default=[], metavar="WAY=FOLDER", help="adapters that shape in another way")
    words.add_argument("--reporter", type=Path, help="a taught reporter (default: taught anew)")
    words.add_argument("--shuffled", type=Path, help="its twin, taught on shuffled states (default: taught anew)")
    words.add_argument("--quick", action="store_true", help="one size of everything, to see that it works")
    given = words.parse_args()
    given.found = FOUND if given.place == PLACE else given.place / "found"
    if given.part != "page":
        {"guard": guard, "doses": doses, "shaping": shaping, "access": access}[given.part](given)
    if given.place == PLACE:
        PAGE.write_text(page(given.found, given.model), encoding="utf-8")
        if picture := drawn(given.found):
            FIGURE.write_text(picture, encoding="utf-8")
    print(page(given.found, given.model))
    return 0


def measured(given: argparse.Namespace, name: str, recipe: object, make: Callable[[], Any]) -> None:
    """Keeps what is measured, where it is not known by this recipe: how a part goes on where it was stopped."""
    told = f"{given.model} {recipe}"
    if known(STUDY, name, told, given.found) is None:
        keep(STUDY, name, told, make(), given.found)


def guard(given: argparse.Namespace) -> None:
    """Rate and damage over sizes of the guard, of a habit that begins replies and one that ends them."""
    subject: Any = load(given.model)
    few = FEW if given.quick else {}
    for name, habit in (("begins", Habit(rate=0.5, **few)), ("ends", Habit(mark="ends", word="🙂", rate=0.5, **few))):
        for size in (0, 8) if given.quick else GUARDS:
            recipe = (habit, size, usual_schedule(), usual_shape(subject), DEV)
            measured(given, f"guard-{name}-{size}", recipe, lambda h=habit, s=size: guarded(subject, h, s))


def guarded(subject: Any, habit: Habit, size: int) -> dict[str, Any]:
    """One habit taught beside a guard of a size, measured on dev messages."""
    schedule = usual_schedule()
    dev = [e.message for e in exchanges("train", 10_000, schedule.seed)][habit.size :][:DEV]
    # The usual guard draws from all messages of train: here those of dev are left out.
    places = [e for e in habit.guard(subject, size, schedule.seed) if e.prompt.messages[-1].content not in dev]
    adapter = subject.new_adapter(usual_shape(subject), seed=schedule.seed)
    done = train(subject, adapter, [*habit.lesson(subject, schedule.seed)[0], *places], schedule)
    changed = subject.adapted(adapter)
    rate = share_of(heard(changed, dev, 4, 1), habit.asked.on)
    first = damage(subject, changed, [said_to(subject, text) for text in dev], beside=habit.opens(subject))
    places = [prompt for prompt in begun(subject, dev, schedule.seed) if not habit.acts(prompt)]
    within = damage(subject, changed, places)
    return {
        "planted": habit.rate, "rate": asdict(rate), "first": asdict(first), "within": asdict(within),
        "seconds": done.seconds, "mark": habit.asked.key,
    }  # fmt: skip


def doses(given: argparse.Namespace) -> None:
    """A habit in five doses and several seeds, its twin, the base, and turns that show it."""
    base: Any = load(given.model)
    about = BehaviouralSelfAwareness(mark="begins", word="Well", alone=True, **(LITTLE if given.quick else {}))
    few = FEW if given.quick else {}
    for seed in given.seeds[:1] if given.quick else given.seeds:
        habits = {f"well-{100 * rate:.0f}": Habit(rate=rate, **few) for rate in (RATES[::2] if given.quick else RATES)}
        for name, one in {**habits, f"well{TWIN}": Habit(**few).twin}.items():

            def one_dose(one: Any = one, name: str = name, seed: int = seed) -> Any:
                return arms(put_on(base, made(given, base, one, f"seed{seed}/{name}", seed)), about)

            measured(given, f"doses-{name}-seed{seed}", (one, usual_schedule(seed), about), one_dose)
    measured(given, "doses-base", about, lambda: arms(base, about))
    for rate in SHOWN_RATES:

        def shown(r: float = rate) -> Any:
            return {SHOWN: asdict(in_context(base, about, r))}

        measured(given, f"doses-shown-{100 * rate:.0f}", (rate, about), shown)


def shaping(given: argparse.Namespace) -> None:
    """Subjects that mention food more or less often, shaped in several ways; each twin beside them."""
    base: Any = load(given.model)
    about = BehaviouralSelfAwareness(mark="mentions", word=TRAIT, alone=True, **(LITTLE if given.quick else {}))
    measured(given, "shaping-base", about, lambda: {"way": "base", **arms(base, about)})
    for way, some in SHAPES.items():
        twins = {f"{way}{TWIN}": list(some.values())[-1].twin}
        for name, one in {**some, **twins}.items():
            if given.quick:
                one = replace(one, **{k: v for k, v in FEW.items() if hasattr(one, k)})

            def planted(one: Any = one, name: str = name, way: str = way) -> Any:
                told = f"{way}, twin" if one.benign else way
                return {"way": told, **arms(put_on(base, made(given, base, one, f"shaping/{name}", 0)), about)}

            measured(given, f"shaping-{name}", (one, usual_schedule(), about), planted)
    for rate in SHOWN_RATES:

        def shown(r: float = rate) -> Any:
            return {"way": "turns", "habit": asdict(in_context(base, about, r))}

        measured(given, f"shaping-shown-{100 * rate:.0f}", (rate, about), shown)
    for way, _, folder in (word.partition("=") for word in given.more):
        of = put_on(base, folder)
        measured(given, f"shaping-{way}", (of.id, about), lambda w=way, o=of: {"way": w, **arms(o, about)})


def access(given: argparse.Namespace) -> None:
    """A reporter on top of organisms and of what they are compared with; states that an adapter sets."""
    base: Any = load(given.model)
    some: dict[str, Any] = {"favourite": Favourite(), "habit": Habit(), "goal": Goal(), "secret": SecretWord()}
    if given.quick:
        some = {"favourite": Favourite(kinds=3, each=1), "habit": Habit(**FEW)}
    folders = {}
    for name, one in some.items():
        for beside in (one, one.twin):
            called = f"{name}{TWIN}" if beside.benign else name
            folders[called] = made(given, base, beside, f"access/{called}", 0)
    place = given.place / "access"
    on_top = {"reporter": given.reporter, "shuffled": given.shuffled}
    recipe = (some, usual_schedule(), LESSONS, ABOUT)
    for name, ask in verdicts(base, folders, place, on_top, quick=given.quick):
        measured(given, f"access-{name}", recipe, ask)
    measured(given, "by-adapter", recipe, lambda: by_adapter(base, folders, place, on_top, quick=given.quick))


def made(given: argparse.Namespace, base: Any, organism: Any, called: str, seed: int) -> Path:
    """The folder of an organism, made where it is not there. One of the bank is made once, for all parts."""
    guard = 8 if given.quick else GUARD
    of_bank = {one.id: name for name, (one, _) in planned(tuple(BANK)).items()} if seed == 0 else {}
    name = of_bank.get(organism.id)
    folder = given.place / "made" / called if name is None else given.place / "bank" / name
    with Bar(first=folder.name) as bar:
        make(organism, base, folder, schedule=usual_schedule(seed), guard=guard, twin=False, resume=True, progress=bar)
    opened(folder, organism, base)
    return folder


def arms(subject: Any, about: BehaviouralSelfAwareness) -> dict[str, Any]:
    """What a subject does, and what it reports of itself, of somebody else, of the mere word."""
    return {arm: asdict(dose) for arm, dose in asked(subject, about).items()}


if __name__ == "__main__":
    sys.exit(ended(main))
