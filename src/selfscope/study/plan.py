"""From names to a study: profiles, the readers and controls of each phenomenon, in the subject's access tier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from selfscope import catalogue
from selfscope.controls.base import Control
from selfscope.errors import SelfscopeError, UnknownName, Unsupported
from selfscope.phenomena.base import Phenomenon
from selfscope.readers.base import Reader, planned
from selfscope.records import control_part, id_of, phenomenon_part, reader_part
from selfscope.settings import built_with
from selfscope.study.able_formats import able, able_formats
from selfscope.study.another import model_field
from selfscope.study.base import PhenomenonPlan, Study
from selfscope.study.names import built, parsed
from selfscope.study.own_readers import own_rivals, readers_inside, reads_states
from selfscope.study.profiles import CONTROLS, INSIDE_RIVALS, POSITIONS, PROFILES, RIVALS, Profile
from selfscope.study.usual import usual_phenomena, with_room
from selfscope.subjects.base import Subject, depths, reaches


@dataclass(frozen=True)
class StudyOptions:
    """What a user asked for; phenomena, readers and controls by name or as objects.

    phenomena: () for the profile's. readers: () for the profile's; the rivals are there in any case. controls: further
    ones, beside the profile's. items: a file of the user's own questions. other, twin: models that forecast this one.
    """

    profile: str = "quick"
    phenomena: tuple[str | Phenomenon, ...] = ()
    readers: tuple[str | Reader, ...] = ()
    controls: tuple[str | Control, ...] = ()
    items: str | None = None
    other: Subject | None = None
    twin: Subject | None = None
    seed: int = 0


def plan(subject: Subject, options: StudyOptions) -> Study:
    """The study that options stand for. Raises UnknownName for a profile, phenomenon, reader, control or format, and
    Unsupported where what was asked for by name needs more access than the subject gives."""
    if options.profile not in PROFILES:
        raise UnknownName("profile", options.profile, PROFILES)
    profile = PROFILES[options.profile]
    phenomena = list(_phenomena(subject, options, profile))
    inside = [_is_white_box(p) for p in phenomena]
    if options.readers and not any(inside) and not any(readers_inside(subject, p) for p in phenomena):
        _all_ask(options)
    plans = [
        (_white_box if white_box else _report)(subject, phenomenon, options, profile)
        for phenomenon, white_box in zip(phenomena, inside, strict=True)
    ]
    return Study(
        subject, tuple(plans), options.seed, profile.per_cluster, profile.wording_every, options.profile,
        profile.questions, profile.states, profile.alarms,
        () if options.phenomena or options.items else usual_phenomena(subject, profile)[1],
    )  # fmt: skip


def _report(subject: Subject, phenomenon: Phenomenon, options: StudyOptions, profile: Profile) -> PhenomenonPlan:
    """A phenomenon of self-reports: rivals, the subject asked, and every control on some of its test trials."""
    formats = able_formats(subject, phenomenon)[: profile.formats]
    readers = tuple(_readers(subject, phenomenon, formats, options, with_room(profile, phenomenon)))
    parts = [reader_part(r) for r in readers]
    own = [part for part in parts if part.rung == "self"]
    primary = own[0] if own else None
    rivals = [part.id for part in parts if part.rung in ("prior", "input", "history") and part.observer is None]
    subsampled = []
    for part in parts if not options.readers else ():
        every = profile.subsample if primary is not None and part.kind == primary.kind else profile.examples
        if part is not primary and part.rung in ("self", "behaviour") and not part.inside and every:
            subsampled.append((part.id, every))
    name = primary.id if primary else ""
    return PhenomenonPlan(
        phenomenon, readers, tuple(_controls(subject, options, profile)), name, (name, *rivals), tuple(subsampled),
        shown=tuple(id_of(r) for r in readers if getattr(r, "shown", False)),
        all_trials=bool(getattr(phenomenon, "whole", False)),
    )  # fmt: skip


def _white_box(subject: Subject, phenomenon: Phenomenon, options: StudyOptions, profile: Profile) -> PhenomenonPlan:
    """A phenomenon of activations: who reads them is asked under every arm, and so are their rivals; words and
    log-probabilities stand beside them. Of several sizes only a full study lays a grid."""
    formats = able(subject, phenomenon.formats)[: profile.formats]
    wished = [r for name in options.readers for r in _named(subject, name, formats, options)]
    probes = [r for r in wished if reads_states(r)]
    if not probes and reaches(subject, "activations"):
        usual: Sequence[str] = getattr(phenomenon, "readers", ())
        looking_in = profile.formats is not None and not options.readers and not _is_named(phenomenon, options)
        usual = usual[:1] if looking_in else usual  # a quick study looks in, and does no more
        probes = [r for name in usual for r in _named(subject, name, formats, options)]
    rivals = [r for name in _inside_rivals(subject, probes) for r in _named(subject, name, formats, options)]
    texts = [r for name in getattr(phenomenon, "text_rivals", ()) for r in _named(subject, name, formats, options)]
    texts += _others(options, formats)[:1] if texts else []
    asks = _named(subject, "ask", formats, options) if formats else []
    probes = _once([*probes, *rivals])
    readers = tuple(_once([*_named(subject, RIVALS[0], formats, options), *texts, *probes, *asks]))
    own = [id_of(r) for r in readers if reader_part(r).rung == "self"]
    arms = [built("control", name) for name in (*(("arms",) if probes else ()), *getattr(phenomenon, "under", ()))]
    return PhenomenonPlan(
        phenomenon, readers, (*arms, *_further(subject, options)), own[0] if own else "",
        arm_readers=tuple(map(id_of, probes)),
        sweeps=tuple(_sweeps(subject, phenomenon, probes)) if profile.inside_dev else (), all_trials=True,
    )  # fmt: skip


def _inside_rivals(subject: Subject, probes: Sequence[Reader]) -> Iterator[str]:
    """They read every depth of the model at once; a layer that a reader names beside those is read by rivals of its
    own."""
    if not probes:
        return
    yield from INSIDE_RIVALS
    named = {layer for r in probes if isinstance(layer := getattr(r, "layer", None), int)}
    own = sorted(named - {*depths(subject)})  # type: ignore[arg-type]
    yield from (f"{name}[layer={k}]" for k in own for name in INSIDE_RIVALS)


def _sweeps(
    subject: Subject, phenomenon: Phenomenon, probes: Sequence[Reader]
) -> Iterator[tuple[str, Control]]:
    """The grid that the phenomenon wants, over the first reader of the kind that it names."""
    wanted: tuple[str, str] | None = getattr(phenomenon, "sweep", None)
    readers = [r for r in probes if wanted and reader_part(r).kind == wanted[0]]
    if not wanted or not readers:
        return
    at_depths = tuple(depths(subject))  # type: ignore[arg-type]
    axes: dict[str, tuple[int, ...]] = {"target_layers": at_depths, "positions": POSITIONS}
    second = wanted[1]
    layers = at_depths if second else tuple(getattr(subject, "layers", at_depths))[:-1]  # the last is what is asked for
    grid = catalogue.resolve("control", "sweep")
    yield id_of(readers[0]), grid(layers=layers, **({second: axes[second]} if second else {}))


def _phenomena(subject: Subject, options: StudyOptions, profile: Profile) -> Iterator[Phenomenon]:
    chosen: list[str | Phenomenon] = list(options.phenomena)
    if not chosen and not options.items:
        chosen = list(usual_phenomena(subject, profile)[0])
    if options.items and not any(_reads_items(p) for p in chosen):
        chosen.append("items")
    ids = []
    for one in chosen:
        phenomenon = _sized(one, options, profile) if isinstance(one, str) else one
        if not all(hasattr(phenomenon, need) for need in ("kind", "formats", "pose", "observe", "truth")):
            raise SelfscopeError(f"{one!r} is no phenomenon: it lacks kind, formats, pose, observe or truth")
        needed = getattr(phenomenon, "tier", "text")
        if not reaches(subject, needed):
            raise Unsupported(
                f"{phenomenon.kind} needs the tier {needed}, and {subject.name} gives only {subject.tier}: "
                "choose other phenomena with --phenomena"
            )
        if id_of(phenomenon) not in ids:
            ids.append(id_of(phenomenon))
            yield phenomenon


def _reads_items(one: str | Phenomenon) -> bool:
    kind = parsed("phenomenon", one)[0] if isinstance(one, str) else type(one)
    return "path" in getattr(kind, "__dataclass_fields__", {})


def _sized(name: str, options: StudyOptions, profile: Profile) -> Phenomenon:
    """A phenomenon by name, in the profile's sizes where its name does not say others. One whose sizes have no default
    is asked whole."""
    kind, settings = parsed("phenomenon", name)
    default = {f.name: f.default for f in fields(kind)} if hasattr(kind, "__dataclass_fields__") else {}
    inside = getattr(kind, "family", "report") != "report"
    sizes = {k: getattr(profile, f"inside_{k}" if inside else k) for k in ("test", "train", "dev")}
    sizes["rollouts"] = profile.rollouts
    usual: dict[str, Any] = {k: v for k, v in sizes.items() if default.get(k) is not None}
    if "path" in default and "path" not in settings:
        if options.items is None:
            raise SelfscopeError(f"the phenomenon {name} needs --items FILE (one JSON object a line: prompt, options)")
        usual["path"] = options.items
    another = model_field(kind)
    if another and options.other is not None:
        usual[another] = options.other
    phenomenon: Phenomenon = built_with(kind, {**usual, **settings}, name)
    return phenomenon


def _is_white_box(phenomenon: Phenomenon) -> bool:
    return phenomenon_part(phenomenon).family != "report"


def _is_named(phenomenon: Phenomenon, options: StudyOptions) -> bool:
    kinds = [parsed("phenomenon", p)[0] if isinstance(p, str) else type(p) for p in options.phenomena]
    return type(phenomenon) in kinds


def _readers(
    subject: Subject, phenomenon: Phenomenon, formats: Sequence[str], options: StudyOptions, profile: Profile
) -> Iterator[Reader]:
    """The rivals that are always there, those of the phenomenon, what was asked for, then the other models. Readers of
    activations have nothing to read here, unless the phenomenon gives them something."""
    inside = readers_inside(subject, phenomenon)
    usual = ["ask", *(f"few_shot[k={k}]" for k in profile.few_shot), *inside]
    usual += ["behaviour_ceiling"] if profile.ceiling else []
    names: list[str | Reader] = [*RIVALS, *own_rivals(phenomenon, options.other, options.seed)]
    every = [r for name in (*names, *(options.readers or usual)) for r in _named(subject, name, formats, options)]
    every = [r for r in every if inside or not reads_states(r)]
    yield from _once([*every, *_others(options, formats)])


def _others(options: StudyOptions, formats: Sequence[str]) -> list[Reader]:
    """The other models that forecast this one: told nothing about it, and shown examples of it."""
    out: list[Reader] = []
    other = catalogue.resolve("reader", "other_model")
    for observer, twin in ((options.other, False), (options.twin, True)):
        if observer is not None:
            first = (able(observer, formats) or ["choice_lp"])[0]
            out += [
                other(observer=observer, k=k, format=first, twin=twin, shown=not twin and k == 0, seed=options.seed)
                for k in ((0,) if twin else (0, 4))
            ]
    return out


def _named(subject: Subject, one: str | Reader, formats: Sequence[str], options: StudyOptions) -> list[Reader]:
    """The readers of a name (`ask` is one in each format), or the reader itself."""
    if not isinstance(one, str):
        if not all(hasattr(one, need) for need in ("rung", "fit", "read")):
            raise SelfscopeError(f"{one!r} is no reader: give its name, or an object with rung, fit and read")
        return [one]
    kind, settings = parsed("reader", one)
    known = [f.name for f in fields(kind)] if hasattr(kind, "__dataclass_fields__") else []
    if "rollouts" in known:
        settings.setdefault("rollouts", PROFILES[options.profile].rollouts)
    if "observer" in known:
        if options.other is None:
            raise SelfscopeError(f"the reader {one} needs another model: add --other MODEL")
        if not settings:
            return []  # every study with another model has it
        settings["observer"] = options.other
    try:
        return planned(kind, subject, formats, settings)
    except SelfscopeError:
        raise
    except (TypeError, ValueError) as error:
        raise SelfscopeError(f"{one}: {error}") from None


def _once(readers: Sequence[Reader]) -> list[Reader]:
    """Each configuration once, in order."""
    return list({id_of(reader): reader for reader in reversed(readers)}.values())[::-1]


def _controls(subject: Subject, options: StudyOptions, profile: Profile) -> Iterator[Control]:
    """The profile's that the subject's tier allows, then those that were asked for."""
    usual = [built("control", name) for name in CONTROLS]
    usual = [c for c in usual if reaches(subject, getattr(c, "tier", "text"))]
    if not profile.alarms:
        usual = [c for c in usual if control_part(c).role not in ("alarm", "masked_state")]
    if not getattr(subject, "masks", False):
        usual = [c for c in usual if control_part(c).role != "masked_state"]
    ids = []
    for control in (*usual, *_further(subject, options)):
        if id_of(control) not in ids:
            ids.append(id_of(control))
            yield control


def _further(subject: Subject, options: StudyOptions) -> Iterator[Control]:
    for one in options.controls:
        control = built("control", one) if isinstance(one, str) else one
        if not hasattr(control, "apply"):
            raise SelfscopeError(f"{one!r} is no control: give its name, or an object with apply(trials, seed)")
        needed = getattr(control, "tier", "text")
        if not reaches(subject, needed):
            raise Unsupported(f"{id_of(control)} needs the tier {needed}, and {subject.name} gives only {subject.tier}")
        yield control


def _all_ask(options: StudyOptions) -> None:
    """Raises SelfscopeError where a reader of activations was asked for and nothing gives it any."""
    for one in options.readers:
        if isinstance(one, str):
            kind, settings = parsed("reader", one)
            if "observer" in getattr(kind, "__dataclass_fields__", {}):
                continue
            one = built_with(kind, settings, one)
        if reads_states(one):
            raise SelfscopeError(
                f"{id_of(one)} reads activations, and none of these phenomena gives any: add --phenomena "
                "hidden_context, or another of `selfscope phenomena` that needs activations"
            )


