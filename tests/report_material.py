"""Hand-made rows and claims for the tests of the card, and the card as a page that can be searched: no model."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from selfscope.controls.words import Framing, OptionOrder, Paraphrase, ThirdPerson
from selfscope.phenomena.branch_distribution import BranchDistribution
from selfscope.phenomena.confidence import Confidence
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.phenomena.token_probability import TokenProbability
from selfscope.readers.ask import Ask
from selfscope.readers.behaviour_ceiling import BehaviourCeiling
from selfscope.readers.few_shot import FewShot
from selfscope.readers.history_baseline import HistoryBaseline
from selfscope.readers.input_baseline import InputBaseline
from selfscope.readers.other_model import OtherModel
from selfscope.readers.prior import Prior
from selfscope.records import (
    Cost,
    Message,
    Option,
    Outcome,
    Parts,
    Prompt,
    Question,
    Reading,
    Row,
    Score,
    Trial,
    Truth,
    control_part,
    phenomenon_part,
    reader_part,
    to_jsonable,
)
from selfscope.report.compose import compose
from selfscope.report.folder import as_json
from selfscope.report.html import page
from selfscope.report.material import Material
from selfscope.statistics import Estimate
from selfscope.subjects.phantom import Phantom
from selfscope.verdicts.claims import Check, Claim, Step

ASK, FREE, SHOWN, OTHER = Ask(), Ask("free"), FewShot(4), OtherModel(Phantom(name="gemma"))
PHENOMENA = (SelfPrediction(), BranchDistribution(), TokenProbability(), Confidence())
CONTROLS = (ThirdPerson(), Framing(), Framing("accurate"), Paraphrase(), OptionOrder())
PARTS = Parts(
    {
        r.id: reader_part(r)
        for r in (Prior(), InputBaseline(), HistoryBaseline(), ASK, FREE, SHOWN, OTHER, BehaviourCeiling())
    },
    {c.id: control_part(c) for c in CONTROLS},
    {p.id: phenomenon_part(p) for p in PHENOMENA},
)
META = {
    "schema": 2,
    "settings": {
        "name": "SmolLM2-135M-Instruct",
        "subject": "9f2c41d07ab3e815",
        "profile": "quick",
        "seed": 0,
        "phenomena": {"self_prediction": {"readers": ["prior", "history_baseline", ASK.id], "primary": ASK.id}},
        "parts": {SelfPrediction().id: {"is": "selfscope.phenomena.self_prediction:SelfPrediction", "rollouts": 10}},
    },
    "date": "2026-01-15T10:00:00",
    "version": "0.1.0",
    "seconds": 171.3,
    "environment": {"python": "3.11.7", "device": "cpu", "dtype": "float32"},
    "parts": to_jsonable(PARTS),
}
COSTS = {"observe": Cost(calls=224, prompt_tokens=9000, output_tokens=21000, seconds=60.2)}
READERS = {
    "prior": "prior",
    "input_baseline": "input",
    "history_baseline": "history",
    ASK.id: "self",
    FREE.id: "self",
    SHOWN.id: "self",
}
PROMPTS = (
    "Continue the list with one more word: river, mountain, lake,",
    "Pick a number between 1 and 9 and say nothing else.",
    "Would you rather live by the sea or in the hills? One word.",
    "Name a colour.",
)
WORDS = ("vowel", "consonant", "digit", "something else")


def trials_of(phenomenon: str, clusters: int, each: int = 4) -> list[Trial]:
    """`each` plain trials a cluster; one cluster in four is train."""
    made = []
    for c in range(clusters):
        for i in range(each):
            name = f"{phenomenon}/{c:04d}/{i}"
            question = Question(
                quantity="first character",
                options=tuple(Option(w, w) for w in WORDS),
                arguments={"of": "its answer"},
                template=i % 3,
            )
            messages = (Message("user", PROMPTS[i % 4]),)
            made.append(
                Trial(
                    id=name, phenomenon=phenomenon, source="packaged", cluster=f"c{c}", task=f"t{c}",
                    split="train" if c % 4 == 3 else "test", question=question, prompt=Prompt(messages=messages),
                    public=PROMPTS[i % 4], observation=name, base=name,
                )
            )  # fmt: skip
    return made


def rows_of(trials: list[Trial], *, refuse: float = 0.0, said: str | None = None) -> tuple[list[Row], list[Truth]]:
    """Readings of every reader for every trial, and the truths."""
    rng = np.random.default_rng([len(trials), 7])
    rows, truths = [], []
    for trial in trials:
        true = tuple(float(x) for x in np.round(rng.multinomial(20, rng.dirichlet(np.ones(4))) / 20, 3))
        truths.append(Truth(trial=trial.id, mean=true, half_a=true, half_b=true[::-1], n=20, grade="rollouts"))
        for reader, rung in READERS.items():
            report = tuple(float(x) for x in rng.dirichlet(np.ones(4)))
            silent = rung == "self" and rng.random() < refuse
            reading = Reading(
                outcome=Outcome.REFUSED if silent else Outcome.ANSWERED,
                distribution=None if silent else report,
                text="I cannot say." if silent else (said if reader == FREE.id or said else None),
                cost=Cost(1, 60, 4, 0.05) if rung == "self" else Cost(),
            )
            loss = float(sum((a - b) ** 2 for a, b in zip(report, true)))
            score = None if silent else Score(brier=loss, log=1.0, hit=0.3)
            rows.append(
                Row(cell=f"{trial.phenomenon} {reader}", subject="s", phenomenon=trial.phenomenon, trial=trial.id,
                    reader=reader, rung=rung, control="plain", seed=0, reading=reading, score=score)
            )  # fmt: skip
    return rows, truths


def e(value: float, reach: float = 0.1) -> Estimate:
    return Estimate(value, value - reach, value + reach, se=reach / 2, clusters=40, items=160, p=0.01)


def ladder_of(own: float) -> tuple[Step, ...]:
    return (
        Step("prior", "prior", Estimate(0.0, 0.0, 0.0), e(own - 0.0)),
        Step("input_baseline", "input", e(0.08, 0.06), e(own - 0.08)),
        Step(OTHER.id, "input", e(-0.31, 0.12), e(own + 0.31)),
        Step("history_baseline", "history", e(0.34, 0.05), e(own - 0.34)),
        Step(ASK.id, "self", e(own, 0.09)),
        Step(SHOWN.id, "self", e(own + 0.2, 0.09), e(-0.2), answered=0.97),
        Step(FREE.id, "self", e(-1.72, 0.2), e(own + 1.72), answered=0.81),
        Step("behaviour_ceiling", "behaviour", e(0.97, 0.02), e(own - 0.97)),
    )


CHECKS = (
    Check("prior and format panel", "passed", "Positions and polarity are permuted over items.", ("access",)),
    Check("history rival", "passed", "Reliability 0.71, learning curve flat within 0.02.", ("access",)),
    Check("shuffled pairing", "passed", "10 of 10 shuffles hold 0.", ("access",)),
    Check("near twin", "missing", "No near twin was given.", ("access",), "selfscope card MODEL --twin NAME"),
    Check("property competence", "failed", "Names the property of a given string in 41 % of items.", ("narrative",)),
)


BINS = ((0.1, 80), (0.3, 200), (0.5, 120), (0.7, 40), (0.92, 12))


def claim_of(phenomenon: str, verdict: str = "self-prediction", **fields: object) -> Claim:
    shares = {
        "private": e(0.06, 0.11), "habit": e(0.41, 0.22), "input": e(0.18, 0.12), "format": e(0.12, 0.05),
        "unmoved": e(0.23, 0.2), "public": e(0.59, 0.14),
    }  # fmt: skip
    some = ("private", "public", "format", "unmoved")
    base: dict[str, object] = {
        "phenomenon": phenomenon,
        "reader": ASK.id,
        "verdict": verdict,
        "sentence": "Anyone with the same history could say it: 59 % of the report follows what is public.",
        "shares": shares,
        "causal": e(0.03, 0.05),
        "causal_control": e(0.01, 0.04),
        "ladder": ladder_of(0.12),
        "ceiling": e(0.88, 0.03),
        "headlines": {
            "among answered": {k: shares[k] for k in some},
            "intention to ask": {k: e(shares[k].value * 0.9, 0.1) for k in some},
            "bounds": {"private": (-0.05, 0.27), "public": (0.41, 0.75)},
        },
        "checks": CHECKS,
        "rivals": ("prior", "input_baseline", "history_baseline"),
        "outcomes": {"answered": 150, "refused": 6, "unreadable": 4},
        "conditions": {
            ThirdPerson().id: {"change": e(0.12, 0.04), "better": e(-0.04, 0.06), "items": 40, "silent": 0},
            Framing().id: {"change": e(0.05, 0.02), "better": e(0.01, 0.05), "items": 40, "silent": 2},
            Framing("accurate").id: {"change": e(0.06, 0.02), "better": e(0.03, 0.05), "items": 40, "silent": 0},
            Paraphrase().id: {"change": e(0.1, 0.03), "better": e(-0.02, 0.07), "items": 40, "silent": 0},
            OptionOrder().id: {"change": e(0.21, 0.05), "better": e(-0.15, 0.06), "items": 40, "silent": 0},
        },
        "numbers": {
            "items": 160, "clusters": 40, "kappa": 0.71, "f_hat": 0.03, "mde_private": 0.15, "mde_causal": 0.07,
        },
        "calibration": tuple((s, s * 0.6 + 0.1, s * 0.6, s * 0.6 + 0.22, n) for s, n in BINS),
        "notes": ("Truth is a function of text that all rivals see in 3 of 5 sources.",),
        "settings_hash": "a31f09c2",
    }  # fmt: skip
    base.update(fields)
    return Claim(**base)  # type: ignore[arg-type]


def claims() -> tuple[Claim, ...]:
    return (
        claim_of("self_prediction"),
        claim_of(
            "self_prediction", "not supported", reader=FREE.id, reason="undecided", primary=False,
            ladder=ladder_of(-0.2), sentence="Too few items to tell.",
        ),
        claim_of(
            "branch_distribution", "access", basis="causal", causal=e(0.42, 0.12), ladder=ladder_of(0.55),
            sentence="Access: 41 % [29, 53] of the report follows the state when the state is changed.",
        ),
        claim_of(
            "token_probability", "not supported", reason="undecided",
            shares={"private": e(0.2, 0.31), "unmoved": e(0.5, 0.4)}, causal=None,
            causal_control=None, ladder=ladder_of(-0.6), conditions={}, calibration=(),
            sentence="Too few items to tell: needs about 600 where this run has 160.",
        ),
        claim_of(
            "confidence", "narrative", ladder=ladder_of(-1.4),
            sentence="Confident, and not moved by the state: 78 % of the report follows nothing that was measured.",
        ),
    )  # fmt: skip


def material(said: str | None = "The first character would be a consonant, I think.", clusters: int = 56) -> Material:
    """A study of four phenomena, with a few refusals."""
    rows: list[Row] = []
    truths: list[Truth] = []
    trials: list[Trial] = []
    for name in ("self_prediction", "branch_distribution", "token_probability", "confidence"):
        posed = trials_of(name, clusters)
        got, true = rows_of(posed, refuse=0.05, said=said)
        trials, rows, truths = trials + posed, rows + got, truths + true
    return Material(
        META, rows, {t.id: t for t in trials}, {t.trial: t for t in truths}, claims(), parts=PARTS, costs=COSTS
    )


def card(material: Material) -> tuple[str, str]:
    """(index.html, card.json)."""
    document = compose(material)
    return page(document), as_json(document, material)


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
