"""The first screen: what its report follows, who could have said it, what would settle it, in words for all."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfscope
from report_material import META, PARTS, Page, card, claim_of, e, material
from selfscope.report import labels, standing_text
from selfscope.report.advice import Pace, cost, pace_of, roughly
from selfscope.report.bar import OPEN, bar_of, split_of
from selfscope.report.compose import compose
from selfscope.report.document import Bar
from selfscope.report.labels import Labels
from selfscope.report.material import Material
from selfscope.report.text import table
from selfscope.report.verdict_row import verdict_line
from selfscope.statistics import Estimate
from selfscope.verdicts.claims import Claim, Settle
from selfscope.verdicts.words import VERDICTS

NAMES = Labels(PARTS)
FIGURE = re.compile(r"(−?\d+(?:\.\d+)?)(?: %)?[  ]\[(−?\d+(?:\.\d+)?), (−?\d+(?:\.\d+)?)\]")
"""A figure with its interval, as it stands on a page and in a terminal."""
WIDE = e(0.4, 2.0)


def pieces(bar: Bar | None) -> dict[str, float]:
    return {piece.key: round(piece.size, 3) for piece in bar.pieces} if bar else {}


def shares_of(*values: float, reach: float = 0.1) -> dict[str, Estimate]:
    private, habit, given, form = values
    rest = {"unmoved": e(1 - sum(values), reach), "public": e(habit + given, reach)}
    named = {"private": private, "habit": habit, "input": given, "format": form}
    return {name: e(value, reach) for name, value in named.items()} | rest


def test_a_bar_shows_the_split_that_the_verdict_rests_on_else_the_most_ambitious_that_may_be_quoted() -> None:
    full, pooled = shares_of(0.1, 0.3, 0.2, 0.1), {"tracking": e(0.2), "public": e(0.5)}
    smallest = {"tracking": e(0.3), "unmoved": e(0.7)}
    claim = claim_of("items", shares=full, pooled=pooled, tracking=smallest, numbers={"kappa": 0.7})
    assert split_of(claim)[0] == "full"
    assert split_of(replace(claim, split="tracking"))[0] == "tracking"
    assert split_of(replace(claim, numbers={"kappa": 0.2}))[0] == "pooled"
    assert split_of(replace(claim, shares={}))[0] == "pooled"
    assert split_of(replace(claim, shares={}, pooled={"tracking": e(0.2), "public": WIDE}))[0] == "tracking"
    assert split_of(replace(claim, shares={}, pooled={}, tracking={})) == ("", {})
    assert bar_of(replace(claim, shares={}, pooled={}, tracking={})) is None


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (shares_of(0.1, 0.3, 0.2, 0.1), {"private": 0.1, "habit": 0.3, "input": 0.2, "format": 0.1, "unmoved": 0.3}),
        (
            shares_of(-0.2, 0.3, 0.2, 0.1),
            {"private": 0.0, "habit": 0.25, "input": 0.167, "format": 0.083, "unmoved": 0.5},
        ),
        (
            {**shares_of(0.5, 0.3, 0.2, 0.0), "habit": WIDE},
            {"private": 0.5, "public": 0.5, "format": 0.0, "unmoved": 0.0},
        ),
        (
            {"private": e(0.7), "habit": WIDE, "input": WIDE, "public": WIDE, "format": e(0.1), "unmoved": WIDE},
            {"private": 0.7, "format": 0.1, OPEN: 0.2},
        ),
    ],
)
def test_the_parts_of_a_bar_make_one_and_what_is_not_determined_is_open(
    shares: dict[str, Estimate], expected: dict[str, float]
) -> None:  # fmt: skip
    bar = bar_of(claim_of("items", shares=shares, split="full"))
    assert pieces(bar) == expected
    assert bar is not None
    assert sum(piece.size for piece in bar.pieces) == pytest.approx(1)
    assert all(piece.figures in bar.spoken for piece in bar.pieces)
    assert ("[−160, 240]" in bar.wide) == (WIDE in shares.values() and OPEN in expected)


def test_who_does_not_see_the_bar_hears_it() -> None:
    html, _ = card(material(clusters=8))
    spoken = [v for _, name, v in Page(html).attributes if name == "aria-label" and v.startswith("What its report")]
    assert len(spoken) == len(compose(material(clusters=8)).verdicts)
    assert "its own state 6\u202f% [−5, 17]" in spoken[0]
    assert Page(html).attributes.count(("div", "role", "img")) == len(spoken)


def test_a_smaller_split_never_says_private_and_names_its_rest() -> None:
    claim = claim_of("items", shares={}, tracking={"tracking": e(0.4), "format": e(0.1), "unmoved": e(0.5)})
    bar = bar_of(claim)
    assert bar is not None
    assert [p.label for p in bar.pieces] == ["what it does, by any route", "the form", "the rest"]
    assert labels.SHARES["private"][1] not in bar.spoken


def hostile_figures() -> Material:
    """A card of estimates that lie outside 0..1, in every place that shows one."""
    far = {
        "private": Estimate(1.3, 0.9, 1.7), "public": Estimate(-0.4, -0.6, -0.2), "unmoved": Estimate(0.4, 0.3, 0.5),
        "format": Estimate(-0.3, -0.4, -0.2), "habit": Estimate(-0.5, -2, 1), "input": Estimate(0.1, -2, 2),
    }  # fmt: skip
    smaller = {"tracking": Estimate(1.2, 1.1, 1.3), "public": e(-0.3), "format": e(-0.2), "unmoved": e(0.3)}
    low = Estimate(-0.3, -0.5, -0.1)
    claim = claim_of(
        "self_prediction", shares=far, pooled=smaller, tracking=smaller, causal=low, beyond_words=low,
        beyond_person=low, causal_control=low, follows=low, copies=Estimate(1.1, 1.05, 1.2), identification=low,
        ablated=low, alarm=low, mass=Estimate(0.99, 0.95, 1.03),
        headlines={"among answered": far, "bounds": {"private": (-0.4, 1.4)}},
    )  # fmt: skip
    return replace(material(clusters=8), claims=(claim, replace(claim, phenomenon="confidence", causal=None)))


def test_no_point_stands_outside_its_interval() -> None:
    made = hostile_figures()
    html, data = card(made)
    seen = 0
    for text in (Page(html).text, table(compose(made), 100), table(compose(made), 60)):
        for value, low, high in FIGURE.findall(text):
            number, least, most = (float(x.replace("−", "-")) for x in (value, low, high))
            assert least <= number <= most, f"{value} [{low}, {high}]"
            seen += 1
    assert seen > 60

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if {"value", "low", "high"} <= set(value) and None not in (value["value"], value["low"], value["high"]):
                assert value["low"] <= value["value"] <= value["high"], value
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(json.loads(data))
    widths = [float(w) for w in re.findall(r"width:(-?[\d.]+)%", html)]
    assert widths
    assert all(0 <= w <= 100 for w in widths), "drawings are cut to their bars"


def test_every_verdict_has_its_words_on_the_page_in_the_summary_and_in_the_documentation() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reading_a_card.md").read_text(encoding="utf-8")
    for verdict in VERDICTS:
        assert verdict in labels.VERDICTS, verdict
        assert verdict == "access" or verdict in standing_text.KINDS, verdict
        assert f"| {verdict}" in page, verdict
        assert labels.VERDICTS[verdict][0] in page, verdict
        line = verdict_line(claim_of("items", verdict, basis="causal" if verdict == "access" else None), "x", "", NAMES)
        assert line.says == labels.VERDICTS[verdict][0]


def test_what_a_changed_state_leaves_alone_is_said_at_first_sight() -> None:
    flat = Estimate(0.0, -0.01, 0.02, se=0.005, clusters=22, items=22)
    numbers = {**claim_of("items").numbers, "margin_causal": 0.1}
    claim = claim_of("items", "not supported", reason="undecided", causal=flat, numbers=numbers)
    line = verdict_line(claim, "x", "", NAMES)
    assert line.says == labels.NOT_ITS_STATE
    assert "at most 2\u202f% of it moves with its state" in line.sure
    assert verdict_line(replace(claim, causal=e(0.05)), "x", "", NAMES).says == "open"
    few = verdict_line(replace(claim, causal=replace(flat, clusters=12)), "x", "", NAMES)
    assert (few.says, few.changed_says.endswith("Too few groups to decide by.")) == ("open", True)


def test_rivals_are_told_in_words_with_the_gap() -> None:
    def says(own: float, **more: Any) -> str:
        steps = tuple(
            replace(s, gap=e(own - s.skill.value)) if s.gap is not None else s for s in claim_of("items").ladder
        )
        return verdict_line(claim_of("items", ladder=steps, **more), "x", "", NAMES).rival_says

    assert says(0.9).startswith("No rival forecasts it as well")
    assert says(0.36) == "Anyone who knows its past forecasts it about as well, as far as can be told."
    assert says(-0.9) == "Anyone who knows its past forecasts it better than it does itself."
    assert says(-0.9, verdict="access", basis="causal").endswith(", but not what moves with its state.")
    assert verdict_line(claim_of("items", ladder=()), "x", "", NAMES).rival_says == "Nobody else was asked the same."


def test_mass_and_what_was_answered_elsewhere_are_stated() -> None:
    claim = claim_of("self_prediction", mass=e(0.31), outcomes={"answered": 64, "elsewhere": 16})
    page = Page(card(replace(material(clusters=8), claims=(claim,)))[0]).text
    assert "he answers listed held 31 % [21, 41] of the probability" in page
    assert "16 of 80 questions were answered with something that was not listed" in page


def test_effects_are_in_words_and_text_says_its_limit() -> None:
    claim = claim_of("self_prediction", causal=None, causal_control=None, follows=e(0.3), copies=e(0.2))
    page = Page(card(replace(material(clusters=8), claims=(claim,)))[0]).text
    assert "follows its context 30 % [20, 40]" in page
    assert "copies its context 20 % [10, 30]" in page
    assert "no access to a state can be shown" in page
    assert not re.search(r"a_do|a_abl|\bkappa\b", page)
    shown = table(compose(replace(material(clusters=8), claims=(claim,))), 100)
    assert "30\u202f% [20, 40]*" in shown
    assert "* by hidden turns, which are text" in shown


# --- what would settle it ---


CELLS = {
    "a": {"step": "read", "phenomenon": "confidence", "reader": "ask", "rows": 100, "seconds": {"asked": 50.0}},
    "b": {"step": "read", "phenomenon": "confidence", "reader": "prior", "rows": 900, "seconds": {"asked": 0.0}},
    "c": {"step": "observe", "phenomenon": "confidence", "reader": "", "rows": 0, "seconds": {"observed": 32.0}},
}


def test_what_it_costs_is_told_at_the_pace_that_the_folder_measured() -> None:
    made = replace(material(clusters=8), cells=CELLS)
    pace = pace_of(made)
    assert pace.reading["confidence"] == pytest.approx(0.5)
    observed = sum(t.phenomenon == "confidence" for t in made.trials.values())
    assert pace.behaviour["confidence"] == pytest.approx(32 / observed)
    told = cost(Settle("x", "--other MODEL", readings=160), "confidence", pace)
    assert told == ("160 more answers, about 80\u202fs here", "3\u202fmin with all that is asked again")
    assert cost(Settle("x", "y", readings=160), "confidence", Pace()) == ("160 more answers", "")
    assert cost(Settle("x", "y"), "confidence", pace) == ("", "")
    assert [roughly(s) for s in (0.2, 12.3, 200, 9000)] == ["a second", "13\u202fs", "3\u202fmin", "2\u202fh"]


def test_the_first_advice_is_a_command_and_the_rest_is_folded() -> None:
    settle = (
        Settle("more train items: mostly noise", "--profile full", 0, 32),
        Settle("input rival", "--other MODEL, or a package with another subject's behaviour", 160, 0),
        Settle("hidden state", "the control vector_state: a model whose activations can be written", 80, 0),
    )
    part = replace(PARTS.phenomena["confidence"], config={"train": 32, "test": 40})
    parts = replace(PARTS, phenomena={**PARTS.phenomena, "confidence": part})
    made = replace(
        material(clusters=8), cells=CELLS, parts=parts, meta={**META, "subject": "a b"},
        claims=(claim_of("confidence", settle=settle), claim_of("self_prediction", "access", basis="causal")),
    )  # fmt: skip
    first, second, third = compose(made).verdicts[1].settle
    assert first.command == "selfscope card 'a b' --phenomena 'confidence[train=64]' -o NEW"
    assert second.command == "selfscope card 'a b' --phenomena confidence --other MODEL -o NEW"
    assert second.what == "A forecast by another model, which never saw what this one does"
    assert second.needs == "a package with another subject's behaviour"
    assert (third.command, third.needs) == ("", "the control vector_state: a model whose activations can be written")
    html = card(made)[0]
    page = Page(html)
    assert page.tags.count("details") == 1
    assert "2 more" in page.text
    assert "Nothing: its state was changed" in page.text
    for columns in (60, 100):
        shown = " ".join(table(compose(made), columns).split())
        assert "to settle: More train items" in shown
        assert "'confidence[train=64]'; 32 more prompts to act on" in shown


def test_a_terminal_of_a_hundred_columns_holds_a_line_of_figures_and_its_meaning() -> None:
    shown = table(compose(hostile_figures()), 100)
    assert max(map(len, shown.splitlines())) <= 100
    assert max(map(len, table(compose(hostile_figures()), 60).splitlines())) <= 60
    lines = shown.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Own answers"))
    assert "120\u202f% [110, 130]" in lines[at]
    assert "−30\u202f% [−50, −10]" in lines[at]
    assert lines[at + 1].strip().startswith("Anyone with the same history")


# --- what is lost ---


def test_readings_that_are_gone_are_named_on_the_page_and_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    from selfscope.cli import main

    made = selfscope.card("phantom", tmp_path / "one", phenomena=["confidence[test=24,train=8]"], readers=["ask"])
    assert made.contents.lost == ()
    rows = tmp_path / "one" / "data" / "rows.jsonl"
    kept = rows.read_bytes()
    many = len(made.contents.rows)
    for content in (b"", b"".join(kept.splitlines(keepends=True)[: many // 2])):
        rows.write_bytes(content)
        main(["report", str(tmp_path / "one")])
        said = capsys.readouterr()
        gone = many - len(content.splitlines())
        assert f"{gone} of {many} readings of confidence" in " ".join(said.out.split())
        assert "are not there" in said.err
        assert f"{gone} of {many} readings of confidence" in Page((tmp_path / "one" / "index.html").read_text()).text
    rows.unlink()
    shutil.move(tmp_path / "one", tmp_path / "all" / "one")
    main(["report", str(tmp_path / "all")])
    assert f"{many} of {many} readings of confidence" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError):
        rows.read_bytes()


def test_a_bare_claim_has_a_first_screen() -> None:
    bare = Claim("my_own", "ask", "not supported", "Nothing answered.", reason="too few items")
    line = verdict_line(bare, "x", "", NAMES)
    assert (line.bar, line.tracking, line.own, line.skills) == (None, None, None, ("–", "–"))
    assert "Nothing could be estimated" in Page(card(Material(META, [], {}, {}, (bare,)))[0]).text
