"""What would settle the rest, as a command, and what it takes at the pace that this very folder measured."""

from __future__ import annotations

import math
import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfscope.report import labels
from selfscope.report.document import Advice
from selfscope.report.format import clean, count, sentence
from selfscope.report.material import Material
from selfscope.verdicts.claims import Claim, Settle

SHIPPED = "selfscope."


@dataclass(frozen=True)
class Pace:
    """Seconds an answer, a behaviour and the whole of it took, by phenomenon; "" is the mean (the sum) of all."""

    reading: Mapping[str, float] = field(default_factory=dict)
    behaviour: Mapping[str, float] = field(default_factory=dict)
    whole: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, settle: Settle, phenomenon: str) -> float | None:
        """What this takes here; None where it was not measured."""
        total = 0.0
        for many, pace in ((settle.readings, self.reading), (settle.behaviours, self.behaviour)):
            one = pace.get(phenomenon, pace.get(""))
            if many and one is None:
                return None
            total += many * (one or 0.0)
        return total


def pace_of(material: Material) -> Pace:
    """From the seconds of the finished cells: readers of the model itself, and what it had to do."""
    asked: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    acted: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    whole: dict[str, float] = defaultdict(float)
    for cell in material.cells.values():
        name, seconds = str(cell.get("phenomenon", "")), cell.get("seconds", {})
        whole[name] += sum(seconds.values())
        part = material.parts.readers.get(str(cell.get("reader", "")))
        if part is not None and part.rung == "self":
            for key in (name, ""):
                asked[key][0] += seconds.get("asked", 0.0)
                asked[key][1] += cell.get("rows", 0)
        elif cell.get("step") == "observe":
            for key in (name, ""):
                acted[key][0] += seconds.get("observed", 0.0)
    for key, many in _observed(material).items():
        acted[key][1] += many
    per_one = [{k: s / n for k, (s, n) in sums.items() if n and s} for sums in (asked, acted)]
    return Pace(per_one[0], per_one[1], whole)


def _observed(material: Material) -> Mapping[str, int]:
    """Prompts on which the model acted, by phenomenon and ("") in all."""
    kinds = {part.kind: name for name, part in material.parts.phenomena.items()}
    keys: dict[str, set[str]] = defaultdict(set)
    for trial in material.trials.values():
        truth = material.truths.get(trial.id)
        if truth is not None and truth.grade != "given":
            for key in (kinds.get(trial.phenomenon, trial.phenomenon), ""):
                keys[key].add(trial.observation)
    return {key: len(found) for key, found in keys.items()}


def advice(claim: Claim, material: Material, pace: Pace) -> tuple[Advice, ...]:
    """What would settle what a claim leaves open, the likeliest first."""
    return tuple(_advice(one, claim, material, pace) for one in claim.settle)


def _advice(settle: Settle, claim: Claim, material: Material, pace: Pace) -> Advice:
    what = sentence(labels.LACKS.get(settle.what, settle.what))
    option, needs = re.split(r", or |: ", settle.run, maxsplit=1)[0], settle.run
    sized = _sized(settle, claim, material) if option == "--profile full" else ""
    part = material.parts.phenomena.get(claim.phenomenon)
    if option == "--profile full" and part and "path" in part.config:  # a user's file has as many items as it has lines
        option, needs = "", "more lines in the file of --items"
    if not option.startswith("--"):
        return Advice(what, "", "", clean(needs, 200), *cost(settle, claim.phenomenon, pace))
    needs = "" if sized else clean(settle.run[len(option) :].lstrip(",: ").removeprefix("or "), 200)
    named = sized or _named(claim.phenomenon, material)
    command = _command("" if sized else clean(option, 80), named, material)
    shown = f"--phenomena {shlex.quote(sized)}" if sized else clean(option, 80)
    return Advice(what, shown, command, needs, *cost(settle, claim.phenomenon, pace))


def _sized(settle: Settle, claim: Claim, material: Material) -> str:
    """The phenomenon with as many items as are lacking, where it has sizes: less than another profile."""
    part = material.parts.phenomena.get(claim.phenomenon)
    config, items = part.config if part else {}, claim.numbers.get("clusters" if "groups" in settle.what else "items")
    size = "train" if settle.behaviours and not settle.readings else "test"
    there = config.get(size)
    if not isinstance(there, int) or not settle.behaviours or "state" in settle.what:
        return ""
    if size == "train":
        needed = there + settle.behaviours
    elif isinstance(items, int) and items:
        needed = math.ceil(there * (items + settle.behaviours) / items)
    else:
        return ""
    return f"{_named(claim.phenomenon, material)}[{size}={needed}]"


def _command(option: str, phenomenon: str, material: Material) -> str:
    """The card of this kind of question again, with what is lacking: into a folder of its own, since it is another
    study."""
    settings = material.meta.get("settings", {})
    settings = settings if isinstance(settings, Mapping) else {}
    subject = clean(str(material.meta.get("subject") or settings.get("name") or "MODEL"), 200)
    words = ["selfscope", "card", shlex.quote(subject), "--phenomena", shlex.quote(phenomenon)]
    profile = str(settings.get("profile") or material.meta.get("profile") or "quick")
    if profile != "quick" and "--profile" not in option:
        words += ["--profile", shlex.quote(profile)]
    if _seed(settings):
        words += ["--seed", str(_seed(settings))]
    words += [option] if option else []
    words += ["--items", "FILE"] if phenomenon.partition("[")[0] == "items" else []
    return " ".join([*words, "-o", "NEW"])


def _seed(settings: Mapping[str, Any]) -> int:
    seed = settings.get("seed", 0)
    return seed if isinstance(seed, int) else 0


def _named(phenomenon: str, material: Material) -> str:
    """As it is named on the command line, without its settings: a profile brings its own."""
    part = material.parts.phenomena.get(phenomenon)
    if part is None:
        return phenomenon
    return part.kind if part.source.startswith(SHIPPED) else part.source


def cost(settle: Settle, phenomenon: str, pace: Pace) -> tuple[str, str]:
    """(160 more answers, about 1 min here; 4 min with all that is asked again)."""
    parts = []
    if settle.readings:
        parts.append(f"{count(settle.readings)} more answers")
    if settle.behaviours:
        parts.append(f"{count(settle.behaviours)} more prompts to act on")
    what, seconds = " and ".join(parts), pace.seconds(settle, phenomenon) if parts else None
    if seconds is None:
        return what, ""
    whole = pace.whole.get(phenomenon)
    again = "" if whole is None else f"{roughly(seconds + whole)} with all that is asked again"
    return f"{what}, about {roughly(seconds)} here", again


def roughly(seconds: float) -> str:
    """In the unit that fits, no more exact than such a forecast is."""
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{math.ceil(seconds)}\u202fs"
    if seconds < 5400:
        return f"{round(seconds / 60)}\u202fmin"
    return f"{round(seconds / 3600)}\u202fh"
