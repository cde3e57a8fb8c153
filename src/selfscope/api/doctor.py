"""A model's checkup as a table: what to know before its activations are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from selfscope.api.loading import load
from selfscope.errors import Unsupported
from selfscope.subjects.base import Subject, lacking
from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.subjects.model_report import Checkup, Sink, Stream

SHOWN = 5
"""Layers of the norm profile and sinks that the table shows; the data has all."""


@dataclass(frozen=True)
class Doctor(Tabular):
    """A model's checkup, which shows itself: what to know before its activations are read.

    Attributes
    ----------
    data
        Everything that was measured.
    """

    data: Checkup
    _styles: ClassVar[Mapping[str, str]] = MappingProxyType({"failed": "bold red"})

    @property
    def passed(self) -> bool:
        """Whether its activations may be read and written, and no law of access fails: `data.refused` and `broken` say
        what does not hold."""
        return not self.data.refused and not self.broken

    @property
    def broken(self) -> tuple[str, ...]:
        """The laws of access that do not hold: what is computed of this model cannot be relied on."""
        return tuple(law.name for law in self.data.laws if law.outcome == "failed")

    def lines(self) -> list[tuple[str, str, str]]:
        """The checkup as text.

        Returns
        -------
        list[tuple[str, str, str]]
            (section, what, finding) of each line; a section is named once.
        """
        checkup = self.data
        parts = [
            ("model", list(_model(checkup))),
            ("stream", [] if checkup.stream is None else list(_stream(checkup.stream))),
            ("scales", list(_scales(checkup))),
            ("text", list(_text(checkup))),
            ("self-test", [(c.name, ": ".join(filter(None, (c.outcome, c.note)))) for c in checkup.checks]),
            ("laws", [(c.name, ": ".join(filter(None, (c.outcome, c.note)))) for c in checkup.laws]),
        ]
        return [
            (part if k == 0 else "", what, finding)
            for part, findings in parts
            for k, (what, finding) in enumerate(findings)
        ]

    def _table(self) -> Table:
        return Table("", ("", "", ""), tuple(self.lines()))


def doctor(
    model: str | Subject,
    *,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    adapter: str | None = None,
) -> Doctor:
    """Examines a model that runs here.

    Path to its blocks, norms and sinks by layer, BOS and template, scales, windows, usable placeholders, every check of
    the self-test, and the laws of access: what captures, scores and replies of this model are worth.

    Parameters
    ----------
    model
        A name (see `load`) or a subject.
    device, dtype, revision, adapter
        How a model that is named is loaded; see `load`.

    Returns
    -------
    Doctor
        `passed` says whether its activations may be read and written and no law of access fails.

    Raises
    ------
    Unsupported
        A subject without activations (the phantom, a server).
    """
    if isinstance(model, str):
        return examine(load(model, device=device, dtype=dtype, revision=revision, adapter=adapter))
    return examine(model)


def examine(subject: Subject, done: Callable[[], None] = lambda: None) -> Doctor:
    """The checkup of a loaded subject.

    Parameters
    ----------
    subject
        A model that runs here.
    done
        Called behind each of the laws of access, which take some seconds.

    Returns
    -------
    Doctor
        `passed` says whether its activations may be read and written and no law of access fails.

    Raises
    ------
    Unsupported
        A subject that does not run here.
    """
    if not hasattr(subject, "engine"):
        if subject.tier in ("text", "logprobs"):
            raise lacking(subject.name, subject.tier, "activations")
        raise Unsupported(f"{subject.name} is a subject of your own: the doctor knows models of transformers only")
    from selfscope.subjects.local import Local
    from selfscope.subjects.model_report import checkup

    assert isinstance(subject, Local)
    return Doctor(checkup(subject, done))


def _model(checkup: Checkup) -> Iterator[tuple[str, str]]:
    yield "name", f"{checkup.model}, a {checkup.kind}"
    yield "identity", checkup.identity
    yield "size", f"{checkup.parameters / 1e6:.4g} million parameters, context of {checkup.context} tokens"
    yield "runs", f"{checkup.dtype} on {checkup.device}, attention {checkup.attention}"
    if checkup.adapter:
        yield "adapter", f"{checkup.adapter}, merged"
    yield from checkup.ways.items()


def _stream(stream: Stream) -> Iterator[tuple[str, str]]:
    yield "blocks", f"{stream.path}[0] to [{stream.layers - 1}], each gives a {stream.output}"
    yield "width", str(stream.width)
    yield "final norm", stream.norm or "none"
    last = stream.layers - 1
    shown = sorted({-1, 0, *(round(last * k / (SHOWN - 1)) for k in range(SHOWN))})
    yield "norms by layer", ", ".join(f"{k}: {_short(stream.norms[k + 1])}" for k in shown)
    for k, sink in enumerate(stream.sinks[:SHOWN]):
        yield "sinks" if k == 0 else "", _sink(sink, stream.texts)
    if not stream.sinks:
        yield "sinks", "none: no token is above 10 medians"
    elif len(stream.sinks) > SHOWN:
        yield "", f"and {len(stream.sinks) - SHOWN} more"


def _sink(sink: Sink, texts: int) -> str:
    where = f"position {sink.position}" if sink.position is not None else "several positions"
    there = f"layer {sink.first}" if sink.first == sink.last else f"layers {sink.first} to {sink.last}"
    return f"{sink.token!r}, {where}, in {sink.texts} of {texts} texts, {there}, up to {_short(sink.times)} medians"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _scales(checkup: Checkup) -> Iterator[tuple[str, str]]:
    if checkup.stream is not None:
        root = ", the root of the width" if abs(checkup.stream.root - 1) < 0.01 else ""
        yield "embedding times", f"{checkup.stream.embedding:.4g}{root}"
    for what, value in checkup.factors.items():
        yield what.replace("_", " "), f"{value:.4g}"
    yield "soft caps", _listed([f"{what.replace('_', ' ')} {value:g}" for what, value in checkup.caps.items()])
    seeing = f"; layers that see all: {', '.join(map(str, checkup.seeing))}" if checkup.seeing else ""
    yield "windows", _listed([f"{what.replace('_', ' ')} {value}" for what, value in checkup.windows.items()]) + seeing


def _text(checkup: Checkup) -> Iterator[tuple[str, str]]:
    bos, template = checkup.bos, checkup.template
    if bos.token is None:
        yield "BOS", "the tokenizer has none"
    else:
        who = [w for w, so in (("the tokenizer", bos.by_tokenizer), ("the template", bos.by_template)) if so]
        trap = "; tokenising the template's text with special tokens would double it" if bos.twice else ""
        yield "BOS", f"{bos.token!r}, written by {' and '.join(who) or 'nobody'}; {bos.found} at a prompt's head{trap}"
    if template is None:
        yield "template", "none: a base model, asked in running text"
    else:
        yield "template", f"opens the reply with {template.generation} tokens" + _quirks(template.trims, template.dated)
        yield "system role", "taken" if template.system else "refused: goes into the first user message"
        if template.empty_system is not None:
            yield "empty system message", f"{template.empty_system:+d} tokens" + (
                " (without one the template writes its own)" if template.empty_system < 0 else ""
            )
        yield "thinking flag", "yes" if template.thinking else "no"
    usable = [p.text.replace(" ", "␣") for p in checkup.placeholders if p.usable]
    merging = [p.text.replace(" ", "␣") for p in checkup.placeholders if p.id is not None and not p.repeats]
    yield "placeholders", "  ".join(usable) or "none of those that were tried"
    if merging:
        yield "merge when repeated", "  ".join(merging)


def _quirks(trims: bool, dated: bool) -> str:
    return ", cuts spaces off messages" * trims + ", writes the day's date" * dated


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"
