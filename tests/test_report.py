"""The card: what it says, that foreign text cannot act in it, that it stands with parts missing."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from selfscope.report.lower import card

from report_material import META, claim_of, claims, e, ladder_of, material, rows_of, trials_of
from selfscope.errors import StoreError
from selfscope.records import Option, Outcome, Question, Reading, to_jsonable
from selfscope.report import activation_format, write
from selfscope.report.compose import compose, summary
from selfscope.report.document import Axis, AxisMark, Material, Tick
from selfscope.report.examples import choose, reply_text, shown
from selfscope.report.format import Number, clean, decimal, duration, percent, share, signed, skill
from selfscope.report.labels import reader, title
from selfscope.report.plots import strip, track
from selfscope.report.sections import section
from selfscope.report.text import table
from selfscope.report.verdict_row import verdict_line
from selfscope.statistics import Estimate
from selfscope.store import Store
from selfscope.verdicts.claims import Check, Claim

EVIL = "<script>alert(1)</script>\x1b[31m\u202e\"'><img src=x onerror=alert(2)>[bold]not markup[/bold]\ud800"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks nesting, and collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> closes nothing"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def folder_of(made: Material, folder: Path, *, with_claims: bool = True) -> Path:
    settings = made.meta["settings"]
    with Store(folder, settings) as store:
        store.note(**{k: v for k, v in made.meta.items() if k not in ("schema", "settings")})
        store.add_trials(list(made.trials.values()))
        store.add_truths(list(made.truths.values()))
        for cell in dict.fromkeys(row.cell for row in made.rows):
            store.finish(cell, [row for row in made.rows if row.cell == cell])
    if with_claims:
        (folder / "findings.json").write_text(json.dumps({"claims": [to_jsonable(c) for c in made.claims]}))
    return folder


# --- what it says ------------------------------------------------------------------------------------------------


def test_every_part_of_the_card_is_there() -> None:
    page = Page(card(material())[0])
    for part in (
        "Introspection card", "SmolLM2-135M-Instruct", "9f2c41d07ab3", "2026-01-15", "profile", "What was asked",
        "Who forecasts it best", "Whom the report follows", "Stated against happened", "When the state is changed",
        "Asked under other conditions", "Required controls", "Example trials", "Other ways of asking", "Methods",
        "Truth", "Observers", "Answers and non-answers", "Power and multiplicity", "Cost of the readings",
        "All calls to the subject", "Settings", "Environment", "What was not run", "How to read this card", "Limits",
        "ceiling 0.88", "Non-answers, counted three ways", "selfscope card MODEL --twin NAME", "access · causal",
    ):  # fmt: skip
        assert part in page.text, part
    assert page.text.index("private share of the report") < page.text.index("Who forecasts it best")  # verdicts first
    assert page.tags.count("section") == 5  # four claims and the methods


def test_the_summary_counts_kinds_and_never_counts_rivals_only_as_access() -> None:
    whole = compose(material(clusters=8)).summary
    assert whole.startswith("1 of 4 kinds of question show access")
    assert "1 has too few items to tell" in whole
    beyond = claim_of("items", "access", basis="rivals")
    assert summary([beyond]).startswith("0 of 1 kind of question shows access")
    assert "not proof of access" in summary([beyond])
    lacking = claim_of("items", "not supported", reason="control missing")
    assert "1 lacks what a claim would need" in summary([lacking, *claims()[1:]])


def test_the_intervention_decides_which_share_is_shown_first() -> None:
    by_title = {v.title: v for v in compose(material()).verdicts}
    causal, observed = by_title["Branches"], by_title["Word probabilities"]
    assert causal.share is not None
    assert (causal.share.text, causal.share_note) == ("42\u202f%", "state changed; observed 6\u202f% [0, 17]")
    assert observed.share is not None
    assert (observed.share.text, observed.share_note) == ("20\u202f%", "observed, state not changed")


def test_the_best_rival_is_a_rival() -> None:
    """Behaviour (0.97) and few-shot self score higher than any rival here, and are none."""
    assert {v.best_rival for v in compose(material()).verdicts} == {"linear model of its history"}


def test_shares_are_quoted_only_where_they_may_be() -> None:
    """verdict section 9: a always; the split of the public part needs a reliable rival and narrow intervals."""

    def marks(claim: Claim) -> list[str]:
        axis = section(claim, verdict_line(claim, "x", ""), []).shares
        assert axis is not None
        return [m.label for m in axis.marks]

    narrow = {**claim_of("items").shares, "habit": e(0.41, 0.2)}
    assert marks(claim_of("items", shares=narrow)) == ["private", "habit", "input", "format", "unmoved"]
    wide = {**narrow, "habit": e(0.41, 0.31)}
    assert marks(claim_of("items", shares=wide)) == ["private", "public", "format", "unmoved"]
    assert marks(claim_of("items", shares=narrow, numbers={"kappa": 0.49})) == ["private", "format"]
    axis = section(c := claim_of("items", numbers={"kappa": 0.49}), verdict_line(c, "x", ""), []).shares
    assert axis is not None
    assert strip(axis) == ""  # a bar of two shares would look like the whole


def test_conditions_are_drawn_by_how_much_better_they_forecast() -> None:
    claim = claim_of("items")
    axis = section(claim, verdict_line(claim, "x", ""), []).conditions
    assert axis is not None
    by_name = {m.label: m for m in axis.marks}
    assert by_name["Told that it can introspect"].number.both == "+0.01 [−0.04, 0.06]"
    assert by_name["Told that it can introspect"].note == "report moved by 5\u202f% [3, 7], 40 items, 2 silent"


def test_not_supported_looks_neutral_and_gives_its_reason() -> None:
    document = compose(material())
    line = next(v for v in document.verdicts if v.badge == "not supported")
    assert (line.tone, line.reason) == ("neutral", "too few items to tell")
    css = Path(sys.modules["selfscope.report.html"].__file__ or "").parent / "templates" / "card.css"
    assert ".badge.neutral" not in css.read_text()  # it keeps the plain grey of .badge


def test_examples_are_the_best_the_median_the_worst_and_the_silent() -> None:
    made = material(clusters=8)
    rows = [r for r in made.rows if r.phenomenon == "confidence" and r.reader == "ask[choice_lp]"]
    scores = sorted(r.score.brier for r in rows if r.score)
    silent = replace(rows[0], reading=replace(rows[0].reading, outcome=Outcome.REFUSED), score=None, trial="zz")
    chosen = choose([*rows, silent])
    found = [row.score.brier if row.score else None for _, row in chosen]
    assert found[:3] == [scores[0], scores[len(scores) // 2], scores[-1]]
    assert chosen[-1][0] == "no answer: refused"
    assert choose([]) == []
    assert [why for why, _ in choose(rows[:1])] == ["best answer"]  # one row is not shown three times


def test_questions_are_shown_in_the_words_that_the_caller_gives() -> None:
    made = replace(material(clusters=8), words=lambda trial, format: f"WORDS {trial.phenomenon} {format}?")
    assert "WORDS self_prediction choice_lp?" in Page(card(made)[0]).text
    assert "First character (of its answer)?" in Page(card(material(clusters=8))[0]).text


def test_a_negated_question_is_shown_with_the_answers_that_it_got() -> None:
    """Readings are kept in the plain question's order; beside negated wording its "yes" has to be called "no"."""
    yes, no = Option("yes", "yes"), Option("no", "no")
    assert shown(Question("q", (yes, no))) == ("yes", "no")
    assert shown(Question("q", (yes, no), negated=True)) == ("no", "yes")
    found = reply_text(Reading(Outcome.ANSWERED, (0.9, 0.1)), Question("q", (yes, no), negated=True))
    assert found == "yes 10\u202f%, no 90\u202f%"
    assert shown(Question("q", (no, yes), negated=True)) == ("no", "yes")  # not a yes/no question: left alone


def test_rows_of_controls_and_of_train_are_no_examples() -> None:
    made = material(clusters=8)
    rows = [replace(r, control="third_person") for r in made.rows if r.phenomenon == "confidence"]
    document = compose(replace(made, rows=rows))
    assert all(not s.examples for s in document.sections)
    shown = compose(made).sections[0].examples
    assert shown
    assert {e_.public for e_ in shown} <= {t.public for t in made.trials.values() if t.split == "test"}


# --- foreign text ------------------------------------------------------------------------------------------------


def test_foreign_text_cannot_act() -> None:
    made = material(said=EVIL, clusters=8)
    meta = {**META, "settings": {**META["settings"], "name": EVIL}}
    evil = [replace(t, public=EVIL) for t in made.trials.values()]
    claim = claim_of(
        "self_prediction", sentence=EVIL, notes=(EVIL,), checks=(Check(EVIL, "missing", EVIL, (), EVIL),),
        reader="ask[free]", ladder=(replace(ladder_of(0.1)[6], reader="ask[free]"),), conditions={EVIL: {EVIL: EVIL}},
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


# --- parts missing -----------------------------------------------------------------------------------------------


def test_without_claims_there_is_a_card_and_no_verdict() -> None:
    made = replace(material(clusters=8), claims=())
    page = Page(card(made)[0])
    assert "No claim has been estimated" in page.text
    assert "Answers and non-answers" in page.text


def test_an_empty_study_gives_a_card() -> None:
    page = Page(card(Material({}, [], {}, {}, ()))[0])
    assert "unnamed subject" in page.text
    assert table(compose(Material({}, [], {}, {}, ())), 80)


@pytest.mark.parametrize("width", [40, 70, 88, 120])
def test_a_bare_claim_is_drawn_and_says_what_is_absent(width: int) -> None:
    bare = Claim("my_own", "ask[free]", "not supported", "Nothing answered.", reason="control missing")
    made = Material(META, [], {}, {}, (bare,))
    page = Page(card(made)[0])
    for sentence in ("No observer could be scored", "shares are not identified", "The state was not changed"):
        assert sentence in page.text
    assert title("my_own") in page.text
    assert "My own" in table(compose(made), width)


def test_all_refused_one_phenomenon() -> None:
    trials = trials_of("confidence", 6)
    rows, truths = rows_of(trials, refuse=1.0)
    claim = claim_of("confidence", "not supported", reason="non-answers", shares={}, ladder=(), ceiling=None)
    made = Material(META, rows, {t.id: t for t in trials}, {t.trial: t for t in truths}, (claim,))
    document = compose(made)
    assert [x.why for x in document.sections[0].examples] == ["no answer: refused"]
    assert document.sections[0].examples[0].said == "I cannot say."
    Page(card(made)[0])


def test_numbers_that_are_not_finite_are_dashes_and_null() -> None:
    nan = float("nan")
    shares = {"private": e(nan), "habit": e(0.3)}
    claim = claim_of("items", shares=shares, numbers={"kappa": nan, "items": nan}, causal=e(nan))
    html, data = card(Material(META, [], {}, {}, (claim,)))
    assert not re.search(r"\bnan\b|\binf\b", Page(html).text, re.I)
    assert json.loads(data, parse_constant=lambda name: pytest.fail(name))


# --- folders -----------------------------------------------------------------------------------------------------


def test_write_gives_the_same_bytes_and_json_holds_the_claims(tmp_path: Path) -> None:
    made = material(clusters=8)
    folder = folder_of(made, tmp_path / "run")
    path = write(folder).page
    first = (path.read_bytes(), (folder / "card.json").read_bytes())
    assert path == folder / "index.html"
    assert (write(folder).page.read_bytes(), (folder / "card.json").read_bytes()) == first
    data = json.loads(first[1])
    assert [c["phenomenon"] for c in data["claims"]] == [c.phenomenon for c in made.claims]
    assert data["card"]["summary"] == summary(made.claims[:1] + made.claims[2:])
    assert first[0].decode() == card(replace(made, meta={**made.meta}))[0]  # the folder lost nothing


def test_terminal_table(tmp_path: Path) -> None:
    folder = folder_of(material(clusters=8), tmp_path / "run")
    shown = write(folder).terminal(100)
    assert max(map(len, shown.splitlines())) <= 100
    for word in ("SmolLM2-135M-Instruct", "Own answers", "access · causal", "not run: near twin", "20\u202f% [0, 51]"):
        assert word in shown
    assert "\x1b" not in shown
    assert "\x1b[" in write(folder).terminal(100, colour=True)


def test_a_folder_without_claims_is_drawn_and_a_broken_one_is_named(tmp_path: Path) -> None:
    folder = folder_of(material(clusters=8), tmp_path / "run", with_claims=False)
    assert "No claim has been estimated" in write(folder).page.read_text(encoding="utf-8")
    (folder / "findings.json").write_text('[{"phenomenon": 3}]')
    with pytest.raises(StoreError, match=r"findings\.json cannot be read"):
        write(folder)
    with pytest.raises(StoreError, match="holds no study"):
        write(tmp_path / "nothing")


def test_claims_of_other_rows_are_marked(tmp_path: Path) -> None:
    folder = folder_of(material(clusters=8), tmp_path / "run", with_claims=False)
    (folder / "findings.json").write_text(json.dumps({"fingerprint": "other", "claims": []}))
    assert "rows changed after the claims" in write(folder).page.read_text(encoding="utf-8")


def test_redraw_of_ten_thousand_rows_is_fast_and_needs_no_torch(tmp_path: Path) -> None:
    made = material(clusters=105)
    assert len(made.rows) > 10_000
    folder = folder_of(made, tmp_path / "run")
    code = (
        "import sys; from selfscope.report import write; "
        f"write({str(folder)!r}).terminal(100); "
        "bad = [m for m in ('torch', 'transformers', 'scipy') if m in sys.modules]; "
        "sys.exit(f'loaded {bad}' if bad else 0)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "src"}, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime  # a busy machine changes no CPU time
    assert took < 2.5, f"{took:.1f} s of CPU for a start, the page and the terminal's table"


# --- numbers and drawing -----------------------------------------------------------------------------------------


def test_how_numbers_are_written() -> None:
    assert [decimal(x) for x in (0.125, -0.126, -0.001, 0.0)] == ["0.12", "−0.13", "0.00", "0.00"]
    assert [signed(x) for x in (0.1, -0.1, 0.001)] == ["+0.10", "−0.10", "0.00"]
    assert percent(0.345) == "34\u202f%" or percent(0.345) == "35\u202f%"
    times = [duration(s).replace("\u202f", " ") for s in (0.42, 12.4, 200, 7300)]
    assert times == ["0.4 s", "12 s", "3 min 20 s", "2 h 1 min"]
    found = share({"value": -0.1, "low": -0.3, "high": 0.1})
    assert found is not None
    assert (found.text, found.interval) == ("−10\u202f%", "[0, 10]")  # estimate as computed, interval cut for display
    assert skill(None) is None
    assert skill("0.3") is None
    assert skill((0.0, 1.0)) == Number(0.5, 0.0, 1.0, "0.50", "[0.00, 1.00]")


def test_clean_makes_characters_harmless() -> None:
    assert clean("a\x1b[0m\u202eb\ud800\n") == "a␛[0m�b�\n"
    assert clean("x" * 700) == "x" * 600 + "…"


def test_reader_names() -> None:
    assert reader("few_shot[k=4,choice_lp]") == "asked, shown 4 examples (option probabilities)"
    assert reader("other_model[gemma,k=0,choice_lp]") == "gemma, not told about it"
    assert reader("other_model[gemma,k=16,choice_lp]") == "gemma, shown 16 examples of it"
    assert reader("my.module:Reader") == "my.module:Reader"


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
    assert activation_format.part(Estimate(0.02, -0.01, 0.05)).both == "2\u202f% [0, 5]"
    assert (
        activation_format.part(near, change=True).both == "+91\u202fpoints [80, 101]"
    )  # a difference of parts may be anything
