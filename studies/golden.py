"""Keeps the rows of a real model's card, as small as verdicts need them: no later change moves a verdict unseen.

    python studies/golden.py FOLDER NAME       writes tests/golden/NAME.jsonl.gz
    python studies/golden.py verdicts          writes tests/golden/verdicts.json anew: look at its difference

Kept are the phenomena of self-reports: readings without their texts, trials without their prompts, truths, parts;
numbers with four decimals. What a verdict is made of is in them, and nothing else.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from selfscope.records import Cost, Parts, Prompt, Row, Trial, Truth, from_json, to_json, to_jsonable  # noqa: E402
from selfscope.store import read  # noqa: E402
from selfscope.verdicts import Claim, judge  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
VERDICTS = GOLDEN / "verdicts.json"
KEPT = ("copied", "answer")
"""Coordinates that verdicts look at."""


def keep(folder: Path, name: str) -> Path:
    """Writes the golden rows of a study's folder."""
    contents = read(folder)
    reports = {p for p, part in contents.parts.phenomena.items() if part.family == "report"}
    rows = [row for row in contents.rows if row.phenomenon in reports]
    asked = {row.trial for row in rows}
    kinds = {contents.trials[i].phenomenon for i in asked}
    train = {t.id for t in contents.trials.values() if t.split == "train" and t.phenomenon in kinds}
    trials = [t for t in contents.trials.values() if t.id in asked | train]
    short: dict[str, str] = {}
    for t in trials:
        for one in (t.base, t.id):
            short.setdefault(one, f"t{len(short)}")
    lines = [to_json(contents.parts)]
    lines += ["trial " + _rounded(_bare_trial(t, short)) for t in trials]
    truths = [t for t in contents.truths.values() if t.trial in asked]
    lines += ["truth " + _rounded(replace(t, trial=short[t.trial])) for t in truths]
    lines += ["row " + _rounded(_bare_row(row, short)) for row in rows]
    GOLDEN.mkdir(exist_ok=True)
    path = GOLDEN / f"{name}.jsonl.gz"
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), compresslevel=9, mtime=0))
    return path


def _bare_trial(t: Trial, short: Mapping[str, str]) -> Trial:
    where = {k: v for k, v in t.coordinates.items() if k in KEPT}
    question = replace(t.question, arguments={}, given_text=None if t.question.given_text is None else "-")
    return replace(
        t, id=short[t.id], base=short[t.base], prompt=Prompt(text="-"), public="-", observation="", question=question,
        coordinates=where, evidence=None,
    )  # fmt: skip


def _bare_row(row: Row, short: Mapping[str, str]) -> Row:
    learnt = row.reading.extra if row.rung in ("history", "twin") else {}  # only their training noise is looked at
    reading = replace(row.reading, text=None, cost=Cost(), extra=learnt)
    return replace(row, cell="", subject="", trial=short[row.trial], score=None, reading=reading)


def _rounded(record: Any) -> str:
    return json.dumps(_numbers(to_jsonable(record)), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _numbers(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    return [_numbers(v) for v in value] if isinstance(value, list) else value


def golden_claims(name: str) -> list[Claim]:
    """The primary claims of golden rows, judged now."""
    first, *lines = gzip.decompress((GOLDEN / f"{name}.jsonl.gz").read_bytes()).decode().splitlines()
    records: dict[str, list[str]] = {"trial": [], "truth": [], "row": []}
    for line in lines:
        kind, _, text = line.partition(" ")
        records[kind].append(text)
    trials = {t.id: t for t in (from_json(Trial, text) for text in records["trial"])}
    truths = {t.trial: t for t in (from_json(Truth, text) for text in records["truth"])}
    rows = [from_json(Row, text) for text in records["row"]]
    return [c for c in judge(rows, trials, truths, from_json(Parts, first)) if c.primary]


def summary(name: str) -> dict[str, Any]:
    """Phenomenon -> what its claim says, with the numbers that it says it by."""
    out = {}
    for claim in golden_claims(name):
        shares = {
            "tracking": claim.tracking.get("tracking"), "causal": claim.causal, "follows": claim.follows,
            "copies": claim.copies,
        }  # fmt: skip
        out[claim.phenomenon.partition("[")[0]] = {
            "verdict": claim.verdict, "basis": claim.basis, "reason": claim.reason, "split": claim.split,
            "sentence": claim.sentence,
            **{k: [round(x, 3) for x in (v.value, v.low, v.high)] for k, v in shares.items() if v is not None},
        }  # fmt: skip
    return out


def names() -> list[str]:
    """Of the models whose rows are kept."""
    return sorted(path.name.removesuffix(".jsonl.gz") for path in GOLDEN.glob("*.jsonl.gz"))


if __name__ == "__main__":
    if sys.argv[1:] == ["verdicts"]:
        VERDICTS.write_text(json.dumps({n: summary(n) for n in names()}, indent=1, ensure_ascii=False) + "\n")
    else:
        written = keep(Path(sys.argv[1]), sys.argv[2])
        print(f"{written}: {written.stat().st_size / 1024:.0f} KB")
