"""Two maps of a self-model: a planted change is found in what is done and said, its benign twin moves nothing, and the
picture says in words what it shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfscope
from selfscope.cli import main
from selfscope.errors import BadInput, StoreError
from selfscope.phenomena.self_model import SelfModel
from selfscope.report.html import page
from selfscope.statistics import Estimate
from selfscope.verdicts.self_model import NOT_SO, OPEN, SO, UNCHECKED, Placed, SelfMap
from selfscope.verdicts.self_moved import moved_between

WHOLE = Estimate(0.9, 0.8, 1.0)
AGAINST = (False, True, False, True, False)


def placed(name: str, ways: Any, true: float | None = None, **fields: Any) -> Placed:
    value = float(np.mean(ways))
    shown = None if true is None else Estimate(true, max(0.0, true - 0.1), min(1.0, true + 0.1), clusters=20)
    own = Estimate(value, value - 0.05, value + 0.05)
    halves = None if true is None else (true, true)
    return replace(
        Placed(name, "habits", f"{name}.", own, None, shown, tuple(map(float, ways)), AGAINST, halves), **fields
    )  # fmt: skip


def a_map(rows: Any) -> SelfMap:
    return SelfMap("self_model", "ask", "self", tuple(rows), Estimate(0, 0, 0))


@pytest.mark.parametrize(
    ("own", "true", "so"), [(0.9, 0.9, SO), (0.1, 0.1, SO), (0.9, 0.1, NOT_SO), (0.52, 0.9, OPEN), (0.9, 0.45, OPEN),
                            (0.9, None, UNCHECKED)],
)  # fmt: skip
def test_the_colour_is_whether_it_is_so(own: float, true: float | None, so: str) -> None:
    assert placed("x", [own] * 5, true).so == so


def test_what_moved_is_found_among_many_and_chance_is_not() -> None:
    """Of 60 statements whose answers have noise, five moved: they are found, and few others."""
    found, false = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        level, shift = rng.uniform(0.3, 0.7, 60), np.where(np.arange(60) < 5, 0.25, 0.0)
        wordings = 0.1 * rng.standard_normal((60, 5))  # the same in both: a wording has its own ring
        said = [level[:, None] + at * shift[:, None] + wordings + 0.01 * rng.standard_normal((60, 5)) for at in (0, 1)]
        maps = [a_map(placed(str(k), own[k]) for k in range(60)) for own in said]
        change = moved_between(*maps)
        assert change is not None
        moved = [int(c.name) for c in change.changes if c.moved]
        found += sum(k < 5 for k in moved)
        false += sum(k >= 5 for k in moved)
    assert found >= 0.95 * 5 * 40
    assert false <= 2 * 0.05 * found


def test_differences_hold_what_was_put_in() -> None:
    held, rng = 0, np.random.default_rng(5)
    for _ in range(300):
        base = 0.4 + 0.2 * rng.standard_normal(5)
        maps = [a_map([placed("x", base + at + 0.03 * rng.standard_normal(5))] * 8) for at in (0.0, 0.1)]
        change = moved_between(*maps)
        assert change is not None
        held += change.changes[0].said.low <= 0.1 <= change.changes[0].said.high
    assert 0.92 * 300 <= held <= 0.98 * 300


def test_said_on_done_is_the_slope_of_both_differences() -> None:
    rng = np.random.default_rng(0)
    true, shift = rng.uniform(0.1, 0.5, 40), np.where(np.arange(40) % 4 == 0, 0.4, 0.0)
    before = a_map(placed(str(k), np.full(5, 0.5), true[k]) for k in range(40))
    after = a_map(placed(str(k), np.full(5, 0.5) + 0.5 * shift[k], true[k] + shift[k]) for k in range(40))
    change = moved_between(before, after)
    assert change is not None
    assert change.slope is not None
    assert change.slope.value == pytest.approx(0.5)
    still = moved_between(before, before)
    assert still is not None
    assert still.slope is None
    assert still.size.high > 0
    assert moved_between(a_map([]), after) is None


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("moved")
    told = {"plain": {}, "planted": {"planted": "greets"}, "benign": {"planted": "greets", "benign": True}}
    for name, more in told.items():
        sizes: dict[str, Any] = {"only": ("habits",), "messages": 12, "tasks": 2, "draws": 2, "described": 0, **more}
        selfscope.card(
            "phantom:access=0.9,kappa=1000", root / name, phenomena=[SelfModel(**sizes)],
            readers=["ask[format=choice_lp]"],
        )  # fmt: skip
    return root


def test_a_planted_change_is_found_and_its_twin_moves_nothing(folders: Path) -> None:
    (change,) = selfscope.compare(folders / "plain", folders / "planted").changes
    moved = {c.name: c for c in change.changes}["greets"]
    assert moved.moved
    assert moved.acts_otherwise
    assert moved.said.value > 0.5
    assert change.slope is not None
    assert change.slope.low > 0.3
    (twin,) = selfscope.compare(folders / "plain", folders / "benign").changes
    assert not any(c.moved or c.acts_otherwise for c in twin.changes)
    assert twin.size.value == pytest.approx(0, abs=1e-9)
    assert twin.size.high > 0.05


def test_the_command_says_what_moved_and_draws_it(
    folders: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    drawn = tmp_path / "moved.html"
    main(["compare", str(folders / "plain"), str(folders / "planted"), "-o", str(drawn)])
    told = " ".join(capsys.readouterr().out.split())
    assert "Your usual reply begins with a" in told
    assert "What it says goes along" in told
    assert str(drawn) in told
    text = drawn.read_text(encoding="utf-8")
    assert 'class="was"' in text
    assert "said before: " in text
    main(["compare", str(folders / "plain"), str(folders / "planted"), "--json"])
    data = json.loads(capsys.readouterr().out)
    assert {c["name"] for c in data["changes"][0]["changes"]} >= {"greets", "short"}
    assert "Before and after" in selfscope.compare(folders / "plain", folders / "benign")._repr_html_()


def test_a_card_has_the_map_and_says_it_in_words(folders: Path) -> None:
    text = (folders / "planted" / "index.html").read_text(encoding="utf-8")
    assert text.count('class="said ') == 23
    assert "Your usual reply has a list in it. Says so: " in text
    assert "is as it says" in text
    card = selfscope.redraw(folders / "plain")
    assert "what it says it is: of 23 statements" in str(card).replace("\n", " ")
    document = card.drawn.document
    (section,) = document.sections
    assert section.picture is not None
    group = section.picture.groups[0]
    nasty = replace(group.marks[0], says="<script>x</script>", spoken='"><script>x</script>')
    picture = replace(section.picture, groups=(replace(group, marks=(nasty,)),))
    assert "<script>" not in page(replace(document, sections=(replace(section, picture=picture),)))


def test_folders_that_cannot_be_compared_are_refused(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one folder"):
        selfscope.compare(folders / "plain", folders / "planted" / ".." / "plain")
    with pytest.raises(StoreError):
        selfscope.compare(folders / "plain", tmp_path)
