"""The page of `decoders.py`: bars, tables and the figure, from what the cells found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfscope.statistics import Estimate, auroc, mean, minimum_detectable, proportion

SPLITS = {
    "t1": "trained values, new wordings", "t2": "values never trained", "t3": "families never trained",
    "style": "as t1, in another register", "dev": "dev",
}  # fmt: skip
COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#8d6a9f", "#e09f3e", "#444444", "#5bc0be", "#a05a2c", "#999999", "#000000")
UNTRAINED: dict[str, dict[str, Any]] = {
    "centred_lens": {"reader": "centred_lens", "position": -1}, "ridge_probe": {"reader": "ridge_probe"},
}  # fmt: skip
"""Rivals, and which of their rows the table has: the lens is asked at several tokens, the probe has chosen its own."""
PARTLY = "without the unfinished"
Rows = list[dict[str, Any]]


def page(model: str, found: Sequence[dict[str, Any]]) -> str:
    """All tables, as Markdown."""
    found = with_rivals(found)
    lines = [
        f"# Trained readers of activations: {model}", "",
        "By `python studies/decoders.py`. Four options, chance 25 %. A gap is the share of right answers less that of",
        "the hardest arm or rival (no state, random, another item's, mean, the read tokens, bias, nearest training",
        "state, words found in the state, a decoder trained on the tokens), in points, with 95 % intervals over",
        "values; seeds are pooled. The centred lens and the ridge probe are rivals on the same options.", "",
        "## Bars", "", "| bar | found | |", "|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {name} | {what} | {'met' if ok else 'not met'} |" for name, what, ok in bars(found)]
    for group, title in (("middle", "Layers up to 21"), ("late", "Late layer"), ("own", "Which token stands there"),
                         ("previous", "Which token stands before it"), ("dev", "Dev"),
                         ("table", "All readers, equal labels and compute")):  # fmt: skip
        own = [f for f in found if f["group"] == group]
        if own:
            lines += ["", f"## {title}", ""] + ([_table(own)] if group == "table" else _detail(own, found))
    if any(f["group"] == "table" for f in found):
        lines += ["", "![Share of right answers by layer](decoders.svg)"]
    return "\n".join(lines) + "\n"


def with_rivals(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells, those of a group with the rows of rivals that were taught with the same questions from the same seed:
    in their own group, or in that of the bars for all of a context's."""
    taught = [f for f in found if f["taught"]]
    out = []
    for f in found:
        if not f["taught"]:
            groups = (f["group"], "bars") if f["group"] in ("late", "middle") else (f["group"],)
            own = [t for t in taught if t["seed"] == f["seed"] and t["group"] in groups]
            out.append({**f, "rows": [*f["rows"], *(row for t in own for row in t["rows"])]})
    return out


def rows_of(found: Sequence[dict[str, Any]], **which: Any) -> Rows:
    """Rows of several cells that have these entries."""
    return [r for f in found for r in f["rows"] if all(r.get(k) == v for k, v in which.items())]


def share(rows: Rows) -> Estimate | None:
    """Of right answers."""
    if not rows:
        return None
    return proportion(np.array([r["right"] for r in rows]), _clusters(rows))


def hardest(found: Sequence[dict[str, Any]], but: str = "", **which: Any) -> tuple[str, Estimate] | None:
    """The arm or rival in the decoder's folder that is right most often, and the gap of the decoder to it. but: a rival
    that is left out."""
    real = rows_of(found, reader="", arm="real", **which)
    if not real:
        return None
    every = {("", arm): rows_of(found, reader="", arm=arm, **which) for arm in
             ("none", "random", "shuffled", "mean", "text")}  # fmt: skip
    every |= {(k, "real"): rows_of(found, reader=k, arm="real", **which) for k in
              ("bias", "neighbour", "inversion", "tokens") if k != but}  # fmt: skip
    there = {key: rows for key, rows in every.items() if len(rows) == len(real)}
    worst = max(there, key=lambda key: float(np.mean([r["right"] for r in there[key]])))
    parts = [reader or arm for (reader, arm), rows in every.items() if 0 < len(rows) < len(real)]
    return (worst[0] or worst[1]) + "".join(f", {PARTLY} {name}" for name in parts), gap(real, there[worst])


def gap(real: Rows, other: Rows) -> Estimate:
    """Of two lists of the same items."""
    difference = np.array([a["right"] - b["right"] for a, b in zip(real, other, strict=True)])
    return mean(difference, _clusters(real))


def _clusters(rows: Rows) -> Any:
    return np.unique([r["value"] for r in rows], return_inverse=True)[1]


def bars(found: Sequence[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """(bar, what was found, whether it is met) of all that was measured."""
    out = []
    groups = {name: [f for f in found if f["group"] == name] for name in ("own", "previous", "late", "middle")}
    own, previous, late, middle = groups.values()
    if own:
        out.append(_least("token identity, 95 %", share(rows_of(own, reader="", arm="real")), 0.95))
    if previous:
        real, text = (rows_of(previous, reader=name, arm="real") for name in ("", "tokens"))
        out.append(_above("previous token, +30 over every arm", hardest(previous, but="neighbour"), 0.30))
        beside = ("tokens", gap(real, text)) if len(real) == len(text) else None
        out.append(_above("previous token, above a trained text-only rival", beside, 0.0))
    if late:
        out.append(_least("late layer, t1 and t2 pooled, 70 %", share(_both(late)), 0.70))
        out.append(_above("late layer, pooled, +25", hardest(_without(late, "t3")), 0.25))
        for kind in sorted({r["kind"] for r in _both(late)}):
            out.append(_above(f"late layer, {kind}, +15", hardest(_without(late, "t3"), kind=kind), 0.15))
    for split, least, low in (("t1", 0.65, 0.20), ("t2", 0.45, 0.10)):
        if middle:
            lens = share(rival_rows(found, "centred_lens", middle, split=split))
            out.append((f"layers up to 21, {split}: the lens at chance", _text(lens), _chance(lens)))
            real = share(rows_of(middle, reader="", arm="real", split=split))
            out.append(_least(f"layers up to 21, {split}, {100 * least:.0f} %", real, least))
            out.append(_above(f"layers up to 21, {split}, +{100 * low:.0f}", hardest(middle, split=split), low))
    for group, some in groups.items():
        if some:
            most = max(f["cpu"] for f in some) / 60
            how = "".join(f", products in {p}" for p in sorted({f["precision"] for f in some} - {""}))
            out.append((f"{group}: 15 CPU-minutes", f"{most:.1f} at most{how}", most <= 15))
    shuffled = [f for f in found if f["name"] == "oracle, shuffled"]
    if shuffled:
        real = share(rows_of(shuffled, reader="", arm="real"))
        ok = real is not None and abs(real.value - 0.25) <= 0.06
        out.append(("trained on shuffled states: 25 +- 6 %", _text(real), ok))
    return out


def rival_rows(
    found: Sequence[dict[str, Any]], reader: str, beside: Sequence[dict[str, Any]], **which: Any
) -> Rows:
    """Of an untrained rival, at the place of the cells beside which it stands where it is right most often."""
    layers = sorted({layer for f in beside for layer in _layers_of(f)})
    places: dict[Any, Rows] = {}
    for r in rows_of([f for f in found if f["group"] == "bars"], reader=reader, **which):
        if r["layer"] in layers:
            places.setdefault((r["layer"], r.get("position")), []).append(r)
    return max(places.values(), key=lambda rows: float(np.mean([r["right"] for r in rows])), default=[])


def _layers_of(found: dict[str, Any]) -> list[int]:
    """Where a cell's decoder reads."""
    return [int(k) for k in found["lesson"].partition("layers=(")[2].partition(")")[0].split(",") if k]


def _without(found: Sequence[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    return [{**f, "rows": [r for r in f["rows"] if r["split"] != split]} for f in found]


def _both(found: Sequence[dict[str, Any]]) -> Rows:
    return rows_of(_without(found, "t3"), reader="", arm="real")


def _chance(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.low <= 0.25 + 0.06


def _least(name: str, estimate: Estimate | None, least: float) -> tuple[str, str, bool]:
    return name, _text(estimate), estimate is not None and estimate.value >= least


def _above(name: str, found: tuple[str, Estimate] | None, low: float) -> tuple[str, str, bool]:
    if found is None:
        return name, "not measured", False
    return name, f"{_points(found[1])} over {found[0]}", found[1].low >= low and PARTLY not in found[0]


def _detail(own: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each split and kind: the decoder, every arm, every rival. found: all cells, for untrained rivals."""
    arms = ("none", "random", "shuffled", "mean", "text")
    beside, untrained = ("bias", "neighbour", "inversion", "tokens"), tuple(UNTRAINED)
    lines = [f"| split | kind | n / values | decoder | {' | '.join((*arms, *beside, *untrained))} | gap |",
             "|" + "---|" * (5 + len(arms) + len(beside) + len(untrained))]  # fmt: skip
    for split in SPLITS:
        kinds = sorted({r["kind"] for r in rows_of(own, split=split)})
        for kind in [*kinds, ""] if len(kinds) > 1 else kinds:
            which = {"split": split, **({"kind": kind} if kind else {})}
            real = rows_of(own, reader="", arm="real", **which)
            cells = [_short(share(rows_of(own, reader="", arm=arm, **which))) for arm in arms]
            cells += [_short(share(rows_of(own, reader=name, arm="real", **which))) for name in beside]
            cells += [_short(share(rival_rows(found, name, own, **which))) for name in untrained]
            worst = hardest(own, **which)
            lines.append(
                f"| {split} | {kind or 'all'} | {len(real)} / {len(set(_clusters(real)))} | {_text(share(real))} | "
                f"{' | '.join(cells)} | {'' if worst is None else f'{_points(worst[1])} over {worst[0]}'} |"
            )
    spent = ", ".join(f"{f['cpu']:.0f}" for f in own)
    seeds = ", ".join(str(seed) for seed in sorted({f["seed"] for f in own}))
    return [*lines, "", *_clean(own), *_sure(own), f"Seeds: {seeds}. CPU-seconds: {spent}."]


def _clean(found: Sequence[dict[str, Any]]) -> list[str]:
    """What is said of contexts in which nothing was set."""
    clean = [r for r in rows_of(found, reader="", arm="real") if r["clean"]]
    if not clean:
        return []
    false = sum(r["said"] for r in clean)
    return [f"False reports: of {len(clean)} contexts in which nothing was set, it named something in {false}.", ""]


def _sure(found: Sequence[dict[str, Any]]) -> list[str]:
    """Whether agreement, and what the decoder says of its own sureness, tell right from wrong."""
    rows = [r for r in rows_of(found, reader="", arm="real") if "stated" in r]
    hits = np.array([r["right"] > 0.5 for r in rows])
    if not rows or hits.all() or not hits.any():
        return []
    names = {"agreement": "agreement over orders of the options", "stated": "its own stated confidence"}
    parts = [f"{name} {auroc(np.array([r[key] for r in rows]), hits):.2f}" for key, name in names.items()]
    return [f"Right told from wrong (AUROC, 0.5 is nothing): {', '.join(parts)}.", ""]


def _table(found: Sequence[dict[str, Any]]) -> str:
    """Readers by layers: shares of each split, and the gaps."""
    head = "| layer | reader | t1 | t2 | t3 | style | gap on t1 | gap on t2 | could be seen | CPU-s |"
    lines = [head, "|" + "---|" * 10]
    for layer, name, own, which in _by_layer(found):
        cells = [_short(share(rows_of(own, arm="real", split=s, **which))) for s in ("t1", "t2", "t3", "style")]
        gaps = [hardest(own, split=s) if not which["reader"] else None for s in ("t1", "t2")]
        least = gaps[1]
        seen = "" if least is None else f"{100 * minimum_detectable(least[1].se, least[1].clusters):.0f}"
        cells += ["" if g is None else _points(g[1]) for g in gaps]
        cells += [seen, f"{np.mean([f['cpu'] for f in own]):.0f}"]
        lines.append(f"| {layer} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_layer(found: Sequence[dict[str, Any]]) -> list[tuple[int, str, list[dict[str, Any]], dict[str, Any]]]:
    """(layer, name, cells, which of their rows): of a decoder all of its cells at a layer, of the untrained rivals what
    they say there, the lens of the last token."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    which: dict[str, dict[str, Any]] = {}
    for f in found:
        for name, rows in UNTRAINED.items() if f["layers"] else ((f["name"], {"reader": ""}),):
            which[name] = rows
            for layer in f["layers"] or _layers_of(f):
                groups.setdefault((layer, name), []).append(f)
    return [
        (layer, name, own, {**which[name], **({"layer": layer} if name in UNTRAINED else {})})
        for (layer, name), own in sorted(groups.items())
    ]


def figure(found: Sequence[dict[str, Any]]) -> str:
    """Shares on values never trained, by layer, one line a reader; as SVG."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for layer, name, own, which in _by_layer([f for f in found if f["group"] == "table"]):
        value = share(rows_of(own, arm="real", split="t2", **which))
        if value is not None:
            lines.setdefault(name, []).append((layer, value.value))
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" font-family="sans-serif" font-size="12">']
    for k in range(5):
        y = 320 - 290 * k / 4
        out.append(f'<path d="M50 {y:.0f}H450" stroke="#ddd"/><text x="12" y="{y + 4:.0f}">{25 * k} %</text>')
    for layer in sorted({x for points in lines.values() for x, _ in points}):
        out.append(f'<text x="{50 + 400 * layer / 30:.0f}" y="340" text-anchor="middle">{layer}</text>')
    for k, (name, points) in enumerate(sorted(lines.items())):
        at = " ".join(f"{50 + 400 * x / 30:.1f},{320 - 290 * y:.1f}" for x, y in points)
        colour = COLOURS[k % len(COLOURS)]
        out.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="3" fill="{colour}"/>' for p in at.split()]
        out.append(f'<text x="465" y="{34 + 18 * k}" fill="{colour}">{name}</text>')
    return "\n".join([*out, '<text x="250" y="356" text-anchor="middle">layer</text></svg>']) + "\n"


def _text(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not measured"
    return f"{100 * estimate.value:.0f} % [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def _short(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{100 * estimate.value:.0f}"


def _points(estimate: Estimate) -> str:
    return f"{100 * estimate.value:+.0f} [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
