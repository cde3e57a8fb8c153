"""From names to a study: profiles, the readers and controls of each phenomenon, in the subject's access tier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from selfscope import catalogue
from selfscope.controls.base import Control
from selfscope.errors import SelfscopeError, UnknownName
from selfscope.phenomena.base import Phenomenon
from selfscope.readers.base import Reader
from selfscope.study.base import PhenomenonPlan, Study
from selfscope.subjects.base import Subject, reaches


@dataclass(frozen=True)
class Profile:
    """How much is run. test, train, dev: clusters of each phenomenon; formats: how many of a phenomenon's (None: all);
    few_shot: numbers of examples; controls run on `per_cluster` trials a cluster, wordings on every
    `wording_every`-th of those. questions: asked about each cluster (None: all that were posed). states: clusters in
    which the state is changed (None: all). sparse, examples: other formats, and examples and the ceiling, are read on
    `per_cluster` trials of every so-many-th cluster (0: on all trials). alarms: clusters that are asked whether their
    state was changed. inside: phenomena of activations, with their clusters."""

    test: int
    train: int
    dev: int
    rollouts: int
    formats: int | None
    few_shot: tuple[int, ...] = ()
    behave: bool = False
    per_cluster: int = 1
    wording_every: int = 1
    questions: int | None = None
    states: int | None = None
    sparse: int = 0
    examples: int = 0
    alarms: int = 0
    inside: tuple[str, ...] = ()
    inside_test: int = 0
    inside_train: int = 0
    inside_dev: int = 0


# Quick has no dev split: it chooses nothing, and a confidence exponent takes more dev items than it could have.
PROFILES = {
    "quick": Profile(
        test=40,
        train=32,
        dev=0,
        rollouts=10,
        formats=2,
        wording_every=7,
        questions=2,
        states=22,
        sparse=2,
        examples=2,
        inside=("next_token_identity",),
        inside_test=40,
        inside_train=24,
        inside_dev=0,
    ),
    "full": Profile(
        test=150,
        train=80,
        dev=24,
        rollouts=20,
        formats=None,
        few_shot=(4, 16),
        behave=True,
        wording_every=7,
        questions=2,
        states=50,
        sparse=1,
        examples=3,
        alarms=24,
        inside=catalogue.INSIDE,
        inside_test=32,
        inside_train=24,
        inside_dev=8,
    ),
}
CONTROLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("third_person", {}),
    ("third_person_named", {}),
    ("framing", {"framing": "introspective"}),
    ("framing", {"framing": "accurate"}),
    ("paraphrase", {}),
    ("option_order", {}),
    ("scale_flip", {}),
    ("changed", {}),
    ("changed_competence", {}),
    ("sham", {}),
    ("alarm", {}),
    ("competence", {}),
    ("yes_bias", {}),
)
"""In the order in which they are read: what stands behind the same hidden turns is one call, so they are read once."""
READINGS: Mapping[str, tuple[str, ...]] = {
    "hidden_context": ("probe", "probe[labels=permuted]", "patchscope[template=question]", "selfie"),
    "entity_resolution": ("patchscope[template=description]", "patchscope[template=question]", "logit_lens"),
    "attribute_extraction": ("patchscope[template=attribute]", "logit_lens"),
    "next_token_identity": ("logit_lens", "patchscope[template=identity]"),
    "injected_concept": (),
}
"""Who reads the activations of each phenomenon unless told otherwise."""
WHITE_BOX = ("probe", "patchscope", "selfie", "logit_lens")
SWEPT: Mapping[str, tuple[str, str]] = {
    "hidden_context": ("probe", "positions"),
    "attribute_extraction": ("patchscope", "target_layers"),
    "next_token_identity": ("logit_lens", ""),
}
"""In a full study: whose readings are laid over a grid of layers, and over which second axis."""
POSITIONS = (-4, -3, -2, -1)
"""Columns of a grid over positions, from the end of the evidence."""
EXACT = ("token_probability",)
"""What only a subject with log-probabilities has: left out where nobody asked for it by name and it cannot be had."""


@dataclass(frozen=True)
class StudyOptions:
    """What a user asked for. phenomena: names, () for all four; readers: names, () for the profile's; items: a file of
    the user's own questions; other, twin: further models that forecast this one."""

    profile: str = "quick"
    phenomena: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    items: str | None = None
    other: Subject | None = None
    twin: Subject | None = None
    seed: int = 0


def plan(subject: Subject, wish: StudyOptions) -> Study:
    """The study that a wish stands for. Raises UnknownName for a profile, phenomenon, reader or format."""
    if wish.profile not in PROFILES:
        raise UnknownName("profile", wish.profile, PROFILES)
    profile = PROFILES[wish.profile]
    lines = []
    for phenomenon in _phenomena(subject, wish, profile):
        if phenomenon.name in catalogue.INSIDE:
            lines.append(_inside(subject, phenomenon, wish, profile))
            continue
        formats = able_formats(subject, phenomenon)[: profile.formats]
        readers = list(_readers(subject, formats, wish, profile))
        own = [r.id for r in readers if r.rung == "self"]
        rivals = tuple(r.id for r in readers if r.rung in ("prior", "input", "history") and not hasattr(r, "observer"))
        primary = own[0] if own else ""
        sparse = () if wish.readers else tuple(_sparse(readers, primary, profile))
        lines.append(
            PhenomenonPlan(phenomenon, tuple(readers), tuple(_controls(profile)), primary, (primary, *rivals), sparse)
        )
    return Study(
        subject, tuple(lines), wish.seed, profile.per_cluster, profile.wording_every, wish.profile, profile.questions,
        profile.states, profile.alarms,
    )  # fmt: skip


def _inside(subject: Subject, phenomenon: Phenomenon, wish: StudyOptions, profile: Profile) -> PhenomenonPlan:
    """A phenomenon of activations: who reads them is asked under every arm; words and log-probabilities stand beside
    them. Of several sizes only a full study lays a grid."""
    formats = able(subject, phenomenon.formats)[: profile.formats]
    wanted = [r for r in wish.readers if r.partition("[")[0] in WHITE_BOX] or list(READINGS[phenomenon.name])
    if profile.formats is not None and not wish.readers and phenomenon.name not in wish.phenomena:
        wanted = wanted[:1]  # a quick study looks in, and does no more
    readers: list[Reader] = [catalogue.resolve("reader", "prior")()]
    for name in (*wanted, "ask"):
        if name != "ask" or formats:
            readers += _named(name, formats, wish)
    arm_readers = tuple(r.id for r in readers if r.rung == "probe")
    arms = (catalogue.resolve("control", "arms")(),) if arm_readers else ()
    sweeps: list[tuple[str, Control]] = []
    if profile.inside_dev and arm_readers:
        who, second = SWEPT.get(phenomenon.name, ("", ""))
        some = tuple(catalogue.resolve("part", "depths")(subject))
        axes = {"target_layers": some, "positions": POSITIONS}
        layers = some if second else tuple(getattr(subject, "layers", some))[:-1]  # the last is what is asked for
        grid = catalogue.resolve("control", "sweep")(layers=layers, **({second: axes[second]} if second else {}))
        sweeps = [(r.id, grid) for r in readers if who and r.id.startswith(who)][:1]
    own = [r.id for r in readers if r.rung == "self"]
    return PhenomenonPlan(
        phenomenon,
        tuple(readers),
        arms,
        own[0] if own else "",
        arm_readers=arm_readers,
        sweeps=tuple(sweeps),
        whole=True,
    )


def able_formats(subject: Subject, phenomenon: Phenomenon) -> list[str]:
    """The phenomenon's formats that the subject can be read in: log-probabilities need their tier, text needs chat."""
    fitting = able(subject, phenomenon.formats)
    if not fitting:
        raise SelfscopeError(
            f"{subject.name} gives no log-probabilities and has no chat template: {phenomenon.name} cannot be asked in "
            f"any of its formats ({', '.join(phenomenon.formats)})"
        )
    return fitting


def _scored(format: str) -> bool:
    return format.endswith("_lp") or format == "prob_ev"


def _phenomena(subject: Subject, wish: StudyOptions, profile: Profile) -> Iterator[Phenomenon]:
    usual = [name for name in catalogue.PHENOMENA if name not in EXACT or reaches(subject, "logprobs")]
    usual += profile.inside if reaches(subject, "activations") else ()
    chosen = list(wish.phenomena or (() if wish.items else usual))
    if wish.items and "items" not in chosen:
        chosen.append("items")
    if "items" in chosen and not wish.items:
        raise SelfscopeError("the phenomenon items needs --items FILE (one JSON object a line: prompt, options)")
    for name in dict.fromkeys(chosen):
        kind = catalogue.resolve("phenomenon", name)
        # a user's own file is asked whole
        sized = ("rollouts",) if name == "items" else ("test", "train", "dev", "rollouts")
        known = {f.name for f in fields(kind)}
        given: dict[str, Any] = {k: getattr(profile, k) for k in sized if k in known}
        if name in catalogue.INSIDE:
            given |= {k: getattr(profile, f"inside_{k}") for k in ("test", "train", "dev")}
        if name == "items":
            given["path"] = wish.items
        yield kind(**given)


def _readers(subject: Subject, formats: Sequence[str], wish: StudyOptions, profile: Profile) -> Iterator[Reader]:
    """The rivals that are always there, then what was asked for, then the other models."""
    rivals = ("prior", "input_baseline", "history_baseline")
    yield catalogue.resolve("reader", "prior")()
    yield from catalogue.resolve("part", "input_baselines")(subject.identity, subject.name)
    yield catalogue.resolve("reader", "history_baseline")()
    if wish.readers:
        wanted = [r for r in wish.readers if r not in rivals]
    else:
        wanted = [
            "ask",
            *(f"few_shot[k={k}]" for k in profile.few_shot),
            *(["behaviour_ceiling"] if profile.behave else []),
        ]
    for name in wanted:
        yield from _named(name, formats, wish)
    for observer, twin in ((wish.other, False), (wish.twin, True)):
        if observer is not None:
            other = catalogue.resolve("reader", "other_model")
            for k in (0,) if twin else (0, 4):
                yield other(observer=observer, k=k, format=_first(able(observer, formats)), twin=twin, seed=wish.seed)


def able(subject: Subject, formats: Sequence[str]) -> list[str]:
    """Those of the formats that this subject can be read in."""
    return [f for f in formats if (reaches(subject, "logprobs") if _scored(f) else subject.chat)]


def _first(formats: Sequence[str]) -> str:
    return formats[0] if formats else "choice_lp"


def _named(name: str, formats: Sequence[str], wish: StudyOptions) -> Iterator[Reader]:
    """`ask`, `ask[free]`, `few_shot[k=4,choice_lp]`, `behaviour_ceiling`, or a user's own "module:object"."""
    bare, _, inner = name.partition("[")
    settings: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in inner.rstrip("]").split(","))):
        key, equals, value = part.partition("=")
        if equals:
            settings[key] = int(value) if value.lstrip("-").isdigit() else value
        else:
            settings["format"] = part
    if bare == "other_model" and wish.other is None:
        raise SelfscopeError("the reader other_model needs another model: add --other MODEL")
    if bare == "other_model":
        return  # every study with another model has it
    kind = catalogue.resolve("reader", bare)
    known = [f.name for f in fields(kind)]
    wrong = [k for k in settings if k not in known]
    if wrong:
        raise UnknownName(f"setting of the reader {bare}", wrong[0], known)
    if "rollouts" in known:
        settings.setdefault("rollouts", PROFILES[wish.profile].rollouts)
    if "format" not in known or "format" in settings:
        yield kind(**settings)
    elif bare == "ask":
        for format in formats:
            yield kind(format=format, **settings)
    else:
        yield kind(format=formats[0], **settings)


def _sparse(readers: Sequence[Reader], primary: str, profile: Profile) -> Iterator[tuple[str, int]]:
    for reader in readers:
        every = profile.sparse if reader.id.startswith("ask[") else profile.examples
        if reader.id != primary and reader.rung in ("self", "behaviour") and every:
            yield reader.id, every


def _controls(profile: Profile) -> Iterator[Control]:
    for name, settings in CONTROLS:
        if name == "alarm" and not profile.alarms:
            continue
        yield catalogue.resolve("control", name)(**settings)
