"""The page of `objectives.py`: its table and its figure, from the cells that are finished."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import numpy as np  # noqa: E402

from selfscope.statistics import Estimate, mean, minimum_detectable, ratio  # noqa: E402

PAGE, FIGURE = ROOT / "studies" / "objectives.md", ROOT / "studies" / "objectives.svg"
ORDER = (
    "untaught",
    "mostly_options",
    "hard_labels",
    "brier",
    "dpo",
    "rl_brier",
    "rl_right",
    "agreement",
    "bias",
    "twin",
)
HEAD = (
    "| taught | carried | seeds | skill | beyond the twin | in taught wordings | towards what it does now | behaviour "
    "moved | ordinary KL | same top token | s |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
COLOURS = {"always": "#b3541e", "switched": "#1f5fa8"}
TOLD = """# What each objective buys

Made by `python studies/objectives.py` on SmolLM2-135M. Every row was taught the same questions with the same labels, in
the same order, with what is done beside them; a row that always acts has a guard of ordinary replies besides. It is
asked about categories of words (`own_choice`) or texts (`token_probability`, which of two words is likelier) that
nothing was taught with.

*Skill* is 1 less the squared distance of the report from what was measured before training, over that of equal shares:
0 is knowing nothing, 1 the truth; below 0 is worse than saying nothing. *Beyond the twin* is the skill less that of
the twin, which was taught the same answers dealt out anew, with the effect that would have been seen in four of five
cases. *Towards what it does now* takes the behaviour after training as the truth. *Behaviour moved* is KL in nats from
the base. Intervals are 95 %, clusters are categories or texts, seeds are pooled. What is told here is how near a report
is, not why: a rival may say the same, and a card tells that.

![Skill by objective](objectives.svg)
"""


def write(found: Sequence[dict[str, Any]]) -> None:
    """Both files."""
    lines, points = [TOLD], []
    for phenomenon in sorted({c["phenomenon"] for c in found}):
        own = [c for c in found if c["phenomenon"] == phenomenon]
        lines += [f"## {phenomenon}", "", HEAD]
        twins = {carry: _of(own, "twin", carry) for carry in COLOURS}
        for what in ORDER:
            for carry in COLOURS:
                some = _of(own, what, carry)
                if not some:
                    continue
                skill = _skill(some, "held_out", "truth")
                lines.append(_line(what, carry, some, skill, twins[carry]))
                points.append((phenomenon, what, carry, skill))
        costs = {c["what"]: (c["examples"], c["tokens"]) for c in own if c["carry"] == "switched" and c["seed"] == 0}
        same = sorted(set(costs.values()))
        if same:
            told = ", ".join(f"{examples} examples, {tokens} tokens" for examples, tokens in same)
            lines += ["", f"An epoch of what every switched row of seed 0 saw: {told}.", ""]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    FIGURE.write_text(figure(points), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


def _of(found: Sequence[dict[str, Any]], what: str, carry: str) -> list[dict[str, Any]]:
    return sorted((c for c in found if c["what"] == what and c["carry"] == carry), key=lambda c: c["seed"])


def _line(what: str, carry: str, some: list[dict[str, Any]], skill: Estimate, twins: list[dict[str, Any]]) -> str:
    seeds = {c["seed"] for c in some} & {c["seed"] for c in twins}
    beyond = ""
    if what not in ("twin", "untaught") and seeds:
        pair = [[c for c in side if c["seed"] in seeds] for side in (some, twins)]
        net = _net(*pair)
        beyond = f"{_text(net)}, could see {minimum_detectable(net.se, net.clusters):.2f}"
    moved = _mean([i["behaviour_shift"] for c in some for i in c["items"]], some)
    kl, same = (np.array([c[k] for c in some]).T for k in ("kl", "same"))
    cells = (
        what, "" if what == "untaught" else carry, str(len(some)), _text(skill), beyond,
        _text(_skill(some, "taught", "truth")), _text(_skill(some, "held_out", "behaviour")), _text(moved),
        f"{kl[0].mean():.3f} ± {_pooled(kl[1]):.3f}", f"{100 * same[0].mean():.0f} ± {100 * _pooled(same[1]):.0f} %",
        f"{np.mean([c['seconds'] for c in some]):.0f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _pooled(errors: Any) -> float:
    """Half of a 95 % interval of a mean over seeds, which ask the same prompts: as wide as that of one."""
    return float(1.96 * np.mean(errors))


def _clusters(some: list[dict[str, Any]]) -> Any:
    names = [i["cluster"] for c in some for i in c["items"]]
    place = {name: k for k, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names])


def _distance(some: list[dict[str, Any]], report: str, truth: str) -> tuple[Any, Any]:
    """(squared distances of reports, of equal shares) from what is true."""
    pairs = [(np.array(i[report]), np.array(i[truth])) for c in some for i in c["items"]]
    own = np.array([((r - t) ** 2).sum() for r, t in pairs])
    return own, np.array([((1 / len(t) - t) ** 2).sum() for _, t in pairs])


def _skill(some: list[dict[str, Any]], report: str, truth: str) -> Estimate:
    own, equal = _distance(some, report, truth)
    return ratio(equal - own, equal, _clusters(some))


def _net(some: list[dict[str, Any]], twins: list[dict[str, Any]]) -> Estimate:
    own, equal = _distance(some, "held_out", "truth")
    other, _ = _distance(twins, "held_out", "truth")
    return ratio(other - own, equal, _clusters(some))


def _mean(values: list[float], some: list[dict[str, Any]]) -> Estimate:
    return mean(np.array(values), _clusters(some))


def _text(e: Estimate) -> str:
    return f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def figure(points: Sequence[tuple[str, str, str, Estimate]]) -> str:
    """Skill with its interval, one row a thing that is taught, by phenomenon and carry."""
    low, high, left, width, step = -1.0, 1.0, 250, 420, 16
    rows = []
    height = 40 + step * (len(points) + 2 * len({p for p, *_ in points}))

    def x(value: float) -> float:
        return left + width * (min(max(value, low), high) - low) / (high - low)

    for at in (-1, -0.5, 0, 0.5, 1):
        rows.append(f'<line x1="{x(at)}" x2="{x(at)}" y1="24" y2="{height - 8}" stroke="#ccc"/>')
        rows.append(f'<text x="{x(at)}" y="16" text-anchor="middle">{at:g}</text>')
    y, before = 30, ""
    for phenomenon, what, carry, e in points:
        if phenomenon != before:
            y += step
            rows.append(f'<text x="8" y="{y}" font-weight="bold">{phenomenon}</text>')
            y, before = y + step, phenomenon
        label = what if what == "untaught" else f"{what}, {carry}"
        colour = "#666" if what == "untaught" else COLOURS[carry]
        rows.append(f'<text x="20" y="{y + 4}">{label}</text>')
        rows.append(f'<line x1="{x(e.low):.1f}" x2="{x(e.high):.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
                    'stroke-width="2"/>')  # fmt: skip
        rows.append(f'<circle cx="{x(e.value):.1f}" cy="{y}" r="4" fill="{colour}"/>')
        y += step
    size = f'width="700" height="{height}" font-family="sans-serif" font-size="11"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return f'{head}<rect width="100%" height="100%" fill="white"/>{"".join(rows)}</svg>\n'
