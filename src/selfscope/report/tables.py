"""The methods of a card as tables: truths, readers, outcomes, rivals, power, multiplicity, cost, settings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from selfscope.records import PLAIN, RUNGS, Cost, Outcome, Row, Trial, to_jsonable
from selfscope.report import labels
from selfscope.report.format import NOTHING, clean, count, decimal, duration, percent, scalar, share
from selfscope.report.labels import Labels
from selfscope.report.material import Material
from selfscope.tables import Table

NEEDS = {  # rung -> what brings it onto the ladder
    "input": "a second model (--other MODEL), or the shipped linear model of the text",
    "history": "the history baseline: always fitted unless the train split was empty",
    "twin": "a near twin of the model: same habits, own states",
    "ablated": "a run in which the state is absent",
    "probe": "access to activations",
    "behaviour": "the reader behaviour_ceiling: profile full",
}


def methods(material: Material) -> tuple[Table, ...]:
    """Every table of the methods part that has something to say, in reading order."""
    parts = (
        truths(material),
        rivals(material.rows, material.names),
        outcomes(material.rows, material.trials, material.names),
        power(material),
        cost(material.rows, material.names),
        logged(material),
        settings("Settings", material.meta.get("settings")),
        settings("Environment", material.meta.get("environment")),
    )
    return tuple(t for t in parts if t is not None and t.rows)


def truths(material: Material) -> Table:
    """How well the truth of each phenomenon is known. Noise: mean total variation between the two halves."""
    known, names = material.truths, material.names
    groups: dict[str, list[Trial]] = defaultdict(list)
    for phenomenon, trials in _posed(material).items():
        groups[phenomenon] += [trial for trial in trials if trial.plain]
    rows = []
    for phenomenon in sorted(groups, key=lambda name: (names.place(name), name)):
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
                names.phenomenon(phenomenon),
                grades,
                "exact" if draws == [0] else _range(draws),
                decimal(sum(noise) / len(noise)) if noise else NOTHING,
                " / ".join(count(split.get(s, 0)) for s in ("train", "dev", "test")),
                count(len({t.cluster for t in test})),
                count(len({t.source for t in group})),
                _range(sizes),
                count(len({t.question.template for t in group})),
            )
        )  # fmt: skip
    head = ("", "truth", "rollouts", "noise", "train / dev / test", "clusters", "sources", "options", "templates")
    note = "Splits are by cluster and by task. Noise: mean total variation between two halves of the rollouts."
    return Table("Truth", head, tuple(rows), tuple(range(2, 9)), note)


def _range(sizes: Sequence[int]) -> str:
    """"4" or "2–10", of a sorted list."""
    return "–".join(str(s) for s in (sizes[0], sizes[-1])[: len(sizes)]) if sizes else NOTHING


def _posed(material: Material) -> Mapping[str, list[Trial]]:
    """phenomenon -> its trials. A trial says its phenomenon's kind; several configurations of one kind are told apart
    by who read it (what nobody read belongs to the first)."""
    of_kind: dict[str, str] = {}
    for name, part in material.parts.phenomena.items():
        of_kind.setdefault(part.kind, name)
    of_row = {row.trial: row.phenomenon for row in material.rows}
    posed: dict[str, list[Trial]] = defaultdict(list)
    for trial in material.trials.values():
        posed[of_row.get(trial.id) or of_kind.get(trial.phenomenon, trial.phenomenon)].append(trial)
    return posed


def rivals(rows: Sequence[Row], names: Labels) -> Table:
    """Which observers ran on which rung, and what the empty rungs would need."""
    ran: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        ran[row.rung].add(row.reader)
    lines = []
    for rung in RUNGS:
        who = ", ".join(clean(names.reader(r), 80) for r in sorted(ran.get(rung, ())))
        lines.append((labels.RUNGS[rung], who or "did not run", "" if who else NEEDS.get(rung, "")))
    return Table("Observers", ("rung", "who", "needs"), tuple(lines))


def outcomes(rows: Sequence[Row], trials: Mapping[str, Trial], names: Labels) -> Table:
    """Parse and refusal rates of every reader that is a model, plain test items only."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        trial = trials.get(row.trial)
        if row.control == PLAIN and (trial is None or trial.split == "test"):
            counts[row.phenomenon, row.reader][row.reading.outcome.value] += 1
    kinds = [o.value for o in Outcome]
    seen = [k for k in kinds if k == "answered" or any(c[k] for c in counts.values())]
    lines = []
    for (phenomenon, reader), ended in sorted(counts.items(), key=lambda item: (names.place(item[0][0]), item[0])):
        total = sum(ended.values())
        cells = (percent(ended[k] / total) if ended[k] else NOTHING for k in seen)
        lines.append((names.phenomenon(phenomenon), clean(names.reader(reader), 80), count(total), *cells))
    head = ("", "reader", "items", *seen)
    return Table("Answers and non-answers", head, _once(lines), tuple(range(2, len(head))))


def power(material: Material) -> Table:
    """What could have been found, and among how many attempts the shown one was."""
    lines = []
    for claim in material.claims:
        if not claim.primary:
            continue
        tried = claim.numbers.get("tried") or sum(1 for c in material.claims if c.phenomenon == claim.phenomenon)
        p = claim.numbers.get("p_holm")
        lines.append(
            (
                material.names.phenomenon(claim.phenomenon),
                _reachable(claim.numbers.get("mde_private")),
                _reachable(claim.numbers.get("mde_causal")),
                count(tried),
                decimal(p, 3) if isinstance(p, int | float) else NOTHING,
                claim.settings_hash or NOTHING,
            )
        )
    head = ("", "detectable private share", "detectable by cause", "readers tried", "p (Holm)", "rule")
    note = "Detectable: smallest share found in 4 of 5 runs of this size. Several readers: Holm’s correction over them."
    return Table("Power and multiplicity", head, tuple(lines), (1, 2, 3, 4), note)


def _reachable(effect: Any) -> str:
    """A smallest detectable share; one above the whole is no share."""
    number = share(effect)
    return NOTHING if number is None else "none" if number.value > 1 else number.text


def cost(rows: Sequence[Row], names: Labels) -> Table:
    """What the readings took, by phenomenon and reader."""
    spent: dict[tuple[str, str], Cost] = defaultdict(Cost)
    for row in rows:
        spent[row.phenomenon, row.reader] += row.reading.cost
    lines = []
    total = Cost()
    for (phenomenon, reader), each in sorted(spent.items(), key=lambda item: (names.place(item[0][0]), item[0])):
        total += each
        if each.calls or each.seconds:
            lines.append(_cost_line(names.phenomenon(phenomenon), clean(names.reader(reader), 80), each))
    if total.calls or total.seconds:
        lines.append(_cost_line("All readings", "", total))
    head = ("", "reader", "calls", "tokens in", "tokens out", "time")
    return Table("Cost of the readings", head, _once(lines), (2, 3, 4, 5))


def logged(material: Material) -> Table | None:
    """Every call to the subject as the study logged it, by who made it."""
    lines = []
    for caller, spent in sorted(material.costs.items()):
        sizes = (count(spent.calls), count(spent.prompt_tokens), count(spent.output_tokens), duration(spent.seconds))
        lines.append((clean(material.names.reader(caller), 80), *sizes))
    whole = material.meta.get("seconds")
    note = f"The whole run took {duration(float(whole))}." if isinstance(whole, int | float) else ""
    head = ("caller", "calls", "tokens in", "tokens out", "time")
    return Table("All calls to the subject", head, tuple(lines), (1, 2, 3, 4), note)


def _once(lines: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Lines whose first cell is left empty where it repeats the line above."""
    above = [""] + [line[0] for line in lines]
    return tuple(("" if line[0] == before else line[0], *line[1:]) for line, before in zip(lines, above, strict=False))


def _cost_line(phenomenon: str, reader: str, spent: Cost) -> tuple[str, ...]:
    sizes = (count(spent.calls), count(spent.prompt_tokens), count(spent.output_tokens))
    return phenomenon, reader, *sizes, duration(spent.seconds)


def settings(title: str, values: Any) -> Table | None:
    """A mapping of the study's record, one line a setting; a mapping inside becomes one line for each of its keys."""
    if not isinstance(values, Mapping) or not values:
        return None
    rows: list[tuple[str, str]] = []
    for key, value in sorted(values.items()):
        name = labels.sentence_case(clean(str(key), 60))
        if isinstance(value, Mapping) and len({repr(to_jsonable(v)) for v in value.values()}) == 1 and len(value) > 1:
            rows.append((f"{name}: all", clean(scalar(next(iter(value.values()))), 600)))
        elif isinstance(value, Mapping):
            rows += [(f"{name}: {clean(str(k), 60)}", clean(scalar(v), 600)) for k, v in sorted(value.items())]
        else:
            rows.append((name, scalar(value)))
    return Table(title, ("", ""), tuple(rows))
