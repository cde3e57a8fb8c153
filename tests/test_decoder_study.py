"""The page of `studies/decoders.py`: bars are met where planted shares meet them, and not where an arm does as well."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))

from decoder_cells import PLACES, Cell, rival_rows
from decoder_page import bars, figure, hardest, page, share

from selfscope.subjects.local import Local, load
from selfscope.training.decoder_lesson import DecoderLesson
from tiny import build

RIVALS = ("bias", "neighbour", "inversion")
ARMS = ("none", "random", "shuffled", "mean", "text")


def cell(group: str, real: float, other: float, *, seed: int = 0, n: int = 120, **changed: float) -> dict[str, Any]:
    """What a cell found whose decoder is right so often, and whose arms are."""
    rng = np.random.default_rng([seed, n])
    rows = []
    for split in ("t1", "t2", "t3"):
        for k in range(n):
            item = {"split": split, "kind": ("topic", "word")[k % 2], "value": f"{split}{k // 2}", "clean": k % 10 == 0,
                    "said": True}  # fmt: skip
            said = {("", "real"): real, **{("", arm): other for arm in ARMS}, **{(r, "real"): other for r in RIVALS}}
            for (reader, arm), often in said.items():
                hit = float(rng.random() < changed.get(reader or arm, often))
                rows.append({**item, "reader": reader, "arm": arm, "right": hit})
    return {"group": group, "name": "oracle", "seed": seed, "lesson": "decoder[layers=(29)]", "cpu": 300.0,
            "precision": "fp32", "layers": [], "taught": "", "rows": rows}  # fmt: skip


def met(found: list[dict[str, Any]]) -> dict[str, bool]:
    return {name: ok for name, _, ok in bars(found)}


def test_a_bar_is_met_where_it_is_and_not_where_an_arm_does_as_well() -> None:
    good = met([cell("late", 0.8, 0.25)])
    assert all(good.values())
    assert len(good) == 5
    low = met([cell("late", 0.6, 0.25)])
    assert not low["late layer, t1 and t2 pooled, 70 %"]
    assert low["late layer, pooled, +25"]
    for rival in (*ARMS, *RIVALS):
        found = [cell("late", 0.8, 0.25, n=60, **{rival: 0.78})]
        worst = hardest(found)
        assert worst is not None
        assert worst[0] == rival
        assert worst[1].low < 0.15
    assert not met([cell("late", 0.8, 0.25, bias=0.78)])["late layer, pooled, +25"]
    slow = {**cell("late", 0.8, 0.25), "cpu": 1000.0}
    assert not met([slow])["late: 15 CPU-minutes"]


def test_layers_below_are_judged_where_the_lens_is_at_chance() -> None:
    def lens(often: float) -> dict[str, Any]:
        rows = [
            {**r, "reader": "centred_lens", "layer": layer, "position": place}
            for layer, place in ((7, -1), (7, -2), (29, -1))
            for r in cell("x", often if place == -2 else 0.25, 0)["rows"] if r["arm"] == "real" and not r["reader"]
        ]  # fmt: skip
        return {**cell("bars", 0.25, 0.25), "layers": [7, 29], "rows": rows}

    for often, ok in ((0.25, True), (0.8, False)):
        read = {**cell("middle", 0.7, 0.25), "lesson": "decoder[form=joint,layers=(7),columns=(-4,-3)]"}
        found = met([read, lens(often)])
        assert found["layers up to 21, t1: the lens at chance"] == ok
        assert found["layers up to 21, t1, 65 %"]


def test_one_vector_without_a_state_is_taught_once_for_both() -> None:
    late, other = cell("late", 0.8, 0.25), cell("late", 0.8, 0.25, seed=1)
    for f in (late, other):
        f["rows"] = [r for r in f["rows"] if r["reader"] != "bias"]

    def bias(often: float, seed: int) -> dict[str, Any]:
        rows = [r for r in cell("bars", 0.8, 0.25, seed=seed, bias=often)["rows"] if r["reader"] == "bias"]
        return {**cell("bars", 0.8, 0.25, seed=seed), "taught": "bias", "rows": rows}

    def told(found: list[dict[str, Any]]) -> str:
        return next(line for line in page("m", found).splitlines() if "late layer, pooled, +25" in line)

    both = [late, other]
    assert told([*both, bias(0.25, 0), bias(0.25, 1)]).endswith("| met |")
    assert "over bias | not met" in told([*both, bias(0.78, 0), bias(0.78, 1)])
    assert "without the unfinished bias | not met" in told([*both, bias(0.25, 0)])


def test_untrained_rivals_read_every_layer_of_one_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = load(str(build("llama", tmp_path, deep=True, roomy=True)))
    rows, capture = list[int](), Local.capture
    monkeypatch.setattr(Local, "capture", lambda self, prompts, *a, **k: rows.append(len(prompts)) or
                        capture(self, prompts, *a, **k))  # fmt: skip
    lesson = DecoderLesson(layers=(3,), families=("topic", "word"), items=24)
    one = Cell("bars", "rivals", lesson, 0, (("t1", 6), ("t2", 6)), (1, 3))
    material = lesson.material(subject, 0, {"t1": 6, "t2": 6})
    found = rival_rows(subject, one, material)
    assert {(r["reader"], r["layer"], r.get("position")) for r in found} == {
        *(("ridge_probe", layer, None) for layer in (1, 3)),
        *(("centred_lens", layer, place) for layer in (1, 3) for place in PLACES),
    }
    assert sum(rows) == sum(len(material.of(split)) for split in ("train", "t1", "t2"))


@pytest.mark.slow
def test_the_gap_is_covered_by_its_interval() -> None:
    """Against one hardest arm 95 % intervals hold the true gap about as often as they say."""
    held = 0
    for seed in range(200):
        found = hardest([cell("late", 0.6, 0.05, seed=seed, n=60, random=0.3)], split="t1")
        assert found is not None
        assert found[0] == "random"
        held += found[1].low <= 0.3 <= found[1].high
    assert 0.9 <= held / 200 <= 0.99


def test_the_page_shows_every_arm_and_what_is_said_of_nothing() -> None:
    found = [cell("late", 0.8, 0.25), {**cell("table", 0.5, 0.25), "name": "ridge"}]
    shown = page("a model", found)
    assert "of 36 contexts in which nothing was set, it named something in 36" in shown
    assert "| ridge |" in shown
    assert figure(found).count("<polyline") == 1
    estimate = share([r for r in found[0]["rows"] if r["arm"] == "real" and not r["reader"]])
    assert estimate is not None
    assert estimate.low < 0.8 < estimate.high
