"""The methods of a card as tables: truths, readers, outcomes, rivals, power, multiplicity, cost, settings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from selfscope.records import RUNGS, Cost, Outcome, Row, Trial, Truth
from selfscope.report import names
from selfscope.report.document import Material, Table
from selfscope.report.figures import NOTHING, clean, count, decimal, duration, percent, scalar, share

NEEDS = {  # rung -> what brings it onto the ladder
    "input": "a second model (--other MODEL), or the shipped linear model of the text",
    "history": "the text rival: always fitted unless the train split was empty",
    "twin": "a near twin of the model: same habits, own states",
    "ablated": "a run in which the state is absent",
    "probe": "access to activations",
    "behaviour": "the behave reader: profile full",
}


def methods(material: Material) -> tuple[Table, ...]:
    """Every table of the methods part that has something to say, in reading order."""
    made = (
        truths(material.trials, material.truths),
        rivals(material.rows),
        outcomes(material.rows, material.trials),
        power(material),
        cost(material),
        settings("Settings", material.meta.get("settings")),
        settings("Environment", material.meta.get("environment")),
    )
    return tuple(t for t in made if t is not None and t.rows)


def truths(trials: Mapping[str, Trial], known: Mapping[str, Truth]) -> Table:
    """How well the truth of each phenomenon is known. Noise: mean total variation between the two halves."""
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials.values():
        if trial.control == "plain":
            groups[trial.phenomenon].append(trial)
    rows = []
    for phenomenon in sorted(groups):
        group = groups[phenomenon]
        split = Counter(t.split for t in group)
        test = [t for t in group if t.split == "test"]
        measured = [known[t.id] for t in test if t.id in known]
        grades = ", ".join(sorted({t.grade for t in measured})) or NOTHING
        draws = sorted({t.n for t in measured})
        noise = [sum(abs(x - y) for x, y in zip(t.half_a, t.half_b, strict=True)) / 2 for t in measured]
        sizes = sorted({len(t.question.options) for t in group})
        rows.append(
            (
                names.title(phenomenon),
                grades,
                "exact" if draws == [0] else "\u2013".join(str(d) for d in (draws[0], draws[-1])[: len(draws)]) if draws else NOTHING,
                decimal(sum(noise) / len(noise)) if noise else NOTHING,
                " / ".join(count(split.get(s, 0)) for s in ("train", "dev", "test")),
                count(len({t.cluster for t in test})),
                count(len({t.source for t in group})),
                "\u2013".join(str(s) for s in (sizes[0], sizes[-1])[: len(sizes)]),
                count(len({t.question.template for t in group})),
            )
        )  # fmt: skip
    head = ("", "truth", "rollouts", "half-split noise", "train / dev / test", "clusters", "sources", "options", "templates")
    note = "Splits are by cluster and by task. Noise is the mean distance (total variation) between two halves of the rollouts."
    return Table("Truth", head, tuple(rows), tuple(range(2, 9)), note)


def rivals(rows: Sequence[Row]) -> Table:
    """Which observers ran on which rung, and what the empty rungs would need."""
    ran: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        ran[row.rung].add(row.reader)
    lines = []
    for rung in RUNGS:
        who = ", ".join(clean(names.reader(r), 80) for r in sorted(ran.get(rung, ())))
        lines.append((names.RUNGS[rung], who or "did not run", "" if who else NEEDS.get(rung, "")))
    return Table("Observers", ("rung", "who", "needs"), tuple(lines))


def outcomes(rows: Sequence[Row], trials: Mapping[str, Trial]) -> Table:
    """Parse and refusal rates of every reader that is a model, plain test items only."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        trial = trials.get(row.trial)
        if row.control == "plain" and (trial is None or trial.split == "test"):
            counts[row.phenomenon, row.reader][row.reading.outcome.value] += 1
    kinds = [o.value for o in Outcome]
    seen = [k for k in kinds if k == "answered" or any(c[k] for c in counts.values())]
    lines = []
    for (phenomenon, reader), found in sorted(counts.items()):
        total = sum(found.values())
        cells = (percent(found[k] / total) if found[k] else NOTHING for k in seen)
        lines.append((names.title(phenomenon), clean(names.reader(reader), 80), count(total), *cells))
    head = ("", "reader", "items", *seen)
    return Table("Answers and non-answers", head, tuple(lines), tuple(range(2, len(head))))


def power(material: Material) -> Table:
    """What could have been found, and among how many attempts the shown one was."""
    lines = []
    for claim in material.claims:
        if not claim.primary:
            continue
        tried = sum(1 for c in material.claims if c.phenomenon == claim.phenomenon)
        estimate = claim.shares.get("a")
        p = getattr(estimate, "p", None)
        lines.append(
            (
                names.title(claim.phenomenon),
                n.text if (n := share(claim.numbers.get("mde_a"))) else NOTHING,
                n.text if (n := share(claim.numbers.get("mde_causal"))) else NOTHING,
                count(tried),
                decimal(p, 3) if p is not None else NOTHING,
                claim.settings_hash or NOTHING,
            )
        )
    head = ("", "detectable private share", "detectable by cause", "readers tried", "p of the private share", "rule")
    note = "Detectable: smallest share found in 4 of 5 runs of this size. More than one reader: Holm\u2019s correction over them."
    return Table("Power and multiplicity", head, tuple(lines), (1, 2, 3, 4), note)


def cost(material: Material) -> Table:
    """What was spent, by phenomenon and reader; a recorded cost of behaving stands first."""
    spent: dict[tuple[str, str], Cost] = defaultdict(Cost)
    for row in material.rows:
        spent[row.phenomenon, row.reader] += row.reading.cost
    lines = []
    behaving = material.meta.get("cost")
    for name, entry in sorted(behaving.items()) if isinstance(behaving, Mapping) else ():
        if isinstance(entry, Mapping):
            given = Cost(**{k: v for k, v in entry.items() if k in Cost.__dataclass_fields__})
            lines.append(_cost_line(names.title(str(name)), "behaviour and truth", given))
    total = Cost()
    for (phenomenon, reader), each in sorted(spent.items()):
        total += each
        if each.calls or each.seconds:
            lines.append(_cost_line(names.title(phenomenon), clean(names.reader(reader), 80), each))
    if total.calls or total.seconds:
        lines.append(_cost_line("All readers", "", total))
    return Table("Cost", ("", "reader", "calls", "tokens in", "tokens out", "time"), tuple(lines), (2, 3, 4, 5))


def _cost_line(phenomenon: str, reader: str, spent: Cost) -> tuple[str, ...]:
    sizes = (count(spent.calls), count(spent.prompt_tokens), count(spent.output_tokens))
    return phenomenon, reader, *sizes, duration(spent.seconds)


def settings(title: str, given: Any) -> Table | None:
    """A mapping of the study's record as a two-column table."""
    if not isinstance(given, Mapping) or not given:
        return None
    rows = tuple((names.sentence_case(clean(str(k), 60)), scalar(v)) for k, v in sorted(given.items()))
    return Table(title, ("", ""), rows)


