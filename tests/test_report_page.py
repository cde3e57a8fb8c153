"""The page: foreign text cannot act in it, it asks for nothing, numbers are written and drawn as they are."""

from __future__ import annotations

import re
from dataclasses import replace

from report_material import FREE, META, Page, card, claim_of, ladder_of, material
from selfscope.report import activation_format
from selfscope.report.compose import compose
from selfscope.report.document import Axis, AxisMark, Tick
from selfscope.report.format import Number, clean, decimal, duration, percent, share, signed, skill
from selfscope.report.plots import track
from selfscope.report.text import table
from selfscope.statistics import Estimate
from selfscope.verdicts.claims import Check, Settle

EVIL = "<script>alert(1)</script>\x1b[31m\u202e\"'><img src=x onerror=alert(2)>[bold]not markup[/bold]\ud800"


def test_foreign_text_cannot_act() -> None:
    made = material(said=EVIL, clusters=8)
    meta = {**META, "settings": {**META["settings"], "name": EVIL}}
    evil = [replace(t, public=EVIL) for t in made.trials.values()]
    claim = claim_of(
        "self_prediction", sentence=EVIL, notes=(EVIL,), checks=(Check(EVIL, "missing", EVIL, (), EVIL),),
        reader=FREE.id, ladder=(replace(ladder_of(0.1)[6], reader=FREE.id),), conditions={EVIL: {EVIL: EVIL}},
        settle=(Settle(EVIL, f"--other {EVIL}", 3, 0), Settle(EVIL, EVIL, 3, 0)), mass=None, outcomes={EVIL: 3},
    )  # fmt: skip
    hostile = replace(made, meta=meta, trials={t.id: t for t in evil}, claims=(claim,), warnings=(EVIL,))
    html, data = card(hostile)
    page = Page(html)
    assert "<script" not in html
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not [a for a in page.attributes if a[1].startswith("on")]
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert html.count("&lt;script&gt;") > 5
    html.encode("utf-8")
    data.encode("utf-8")
    shown = table(compose(hostile), 100)
    assert "\x1b" not in shown
    assert "[bold]not markup[/bold]" in " ".join(shown.split())


def test_the_page_asks_for_nothing() -> None:
    html, _ = card(material())
    page = Page(html)
    policy = next(v for t, n, v in page.attributes if n == "content" and "default-src" in v)
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"(?i)(https?:)?//\w|url\(|@import|@font-face", html)
    assert not {"script", "img", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    targets = [v for t, n, v in page.attributes if n in ("href", "src", "action", "xlink:href")]
    assert targets
    assert all(v.startswith("#") or v == "data:," for v in targets)
    anchors = {v for _, n, v in page.attributes if n == "id"}
    assert all(v[1:] in anchors for v in targets if v.startswith("#"))


# --- numbers and drawing ---


def test_how_numbers_are_written() -> None:
    assert [decimal(x) for x in (0.125, -0.126, -0.001, 0.0)] == ["0.12", "−0.13", "0.00", "0.00"]
    assert [signed(x) for x in (0.1, -0.1, 0.001)] == ["+0.10", "−0.10", "0.00"]
    assert percent(0.345) == "34\u202f%" or percent(0.345) == "35\u202f%"
    times = [duration(s).replace("\u202f", " ") for s in (0.42, 12.4, 200, 7300)]
    assert times == ["0.4 s", "12 s", "3 min 20 s", "2 h 1 min"]
    found = share({"value": -0.1, "low": -0.3, "high": 0.1})
    assert found is not None
    assert (found.text, found.interval) == ("−10\u202f%", "[−30, 10]")  # neither is cut
    assert skill(None) is None
    assert skill("0.3") is None
    assert skill((0.0, 1.0)) == Number(0.5, 0.0, 1.0, "0.50", "[0.00, 1.00]")


def test_clean_makes_characters_harmless() -> None:
    assert clean("a\x1b[0m\u202eb\ud800\n") == "a␛[0m�b�\n"
    assert clean("x" * 700) == "x" * 600 + "…"


def test_marks_stand_where_their_numbers_are() -> None:
    axis = Axis(-1.0, 1.0, (Tick(0.0, "0"),), ())
    inside = track(axis, AxisMark("", "", "self", Number(0.5, 0.0, 2.0, "", "")))
    assert 'cx="75.00%"' in inside
    assert 'x1="50.00%" x2="100.00%"' in inside  # the interval is cut at the edge, the point is not
    outside = track(axis, AxisMark("", "", "self", Number(-3.0, -4.0, -2.0, "", "")))
    assert "<circle" not in outside
    assert '<svg x="0"' in outside


def test_the_interval_of_a_part_ends_at_none_and_all_of_the_items() -> None:
    near = Estimate(0.91, 0.80, 1.01)
    assert activation_format.part(near).both == "91\u202f% [80, 100]"
    assert activation_format.part(near).high == 1.0
    assert activation_format.part(Estimate(1.04, 0.9, 1.2)).both == "100\u202f% [90, 100]"  # both are cut
    assert activation_format.part(Estimate(0.02, -0.01, 0.05)).both == "2\u202f% [0, 5]"
    assert (
        activation_format.part(near, change=True).both == "+91\u202fpoints [80, 101]"
    )  # a difference of parts may be anything
