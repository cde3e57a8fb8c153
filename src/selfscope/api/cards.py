"""From a model's name to its card: plan, run, judge, draw. Each step reads what the one before left in the folder."""

from __future__ import annotations

import html
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.records import to_jsonable
from selfscope.store import Rows, Store, fingerprint, read, rows, write_atomically

if TYPE_CHECKING:
    from selfscope.report import Drawn
    from selfscope.study import Progress, Study
    from selfscope.subjects.base import Subject
    from selfscope.verdicts.claims import Claim
    from selfscope.verdicts.findings import Findings


@dataclass(frozen=True)
class Card:
    """The introspection card of one subject, in a folder. Shows itself in a notebook; `print` gives the verdicts."""

    folder: Path
    drawn: Drawn | None = field(default=None, repr=False, compare=False)

    @property
    def page(self) -> Path:
        """The card as one self-contained HTML file."""
        return self.folder / "index.html"

    @property
    def rows(self) -> Rows:
        """Every reading with its trial and truth; `.to_pandas()` makes a data frame."""
        return rows(self.folder)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The verdicts, one for each phenomenon and reader, with all that they rest on."""
        return found(self.folder).claims

    def __str__(self) -> str:
        return self.table()

    def table(self, width: int | None = None, *, colour: bool = False) -> str:
        """The summary and the verdicts as text, `width` columns wide (default: the terminal's width)."""
        from selfscope.report import draw

        return (self.drawn or draw(self.folder, found(self.folder))).terminal(width, colour=colour)

    def _repr_html_(self) -> str:
        page = html.escape(self.page.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:48rem;border:0" title="introspection card"></iframe>'


def card(
    model: str | Subject,
    folder: Path | str | None = None,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    **wish: Any,
) -> Card:
    """Asks a model about itself, measures what is true, and writes what to believe to a folder.

    model: a name (see `load`) or a subject. folder: where to (None: a new temporary one). wish: the fields of
    `study.plan.Wish`: profile ("quick" or "full"), phenomena, readers, items, other, twin, seed. Raises SelfscopeError
    for a user's mistake; what was finished before an error stays in the folder, and `resume=True` goes on from there.
    """
    study = planned(model, **wish)
    where = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="selfscope-"))
    run(study, where, resume=resume, progress=progress)
    return redraw(where)


def planned(model: str | Subject, **wish: Any) -> Study:
    """The study that `card` runs."""
    from selfscope.api.loading import load
    from selfscope.study.plan import StudyOptions, plan

    subject = load(model) if isinstance(model, str) else model
    for name in ("other", "twin"):
        if isinstance(wish.get(name), str):
            wish[name] = load(wish[name])
    for name in ("phenomena", "readers"):
        if name in wish:
            wish[name] = tuple(wish[name])
    return plan(subject, StudyOptions(**wish))


def run(study: Study, folder: Path | str, *, resume: bool = False, progress: Progress | None = None) -> Rows:
    """Runs a study into a folder and returns its rows."""
    from selfscope import study as room

    with Store(folder, study.settings(), resume=resume) as store:
        store.note(
            subject=study.subject.name,
            identity=study.subject.identity,
            profile=study.profile,
            version=_version(),
            date=store.meta.get("date") or datetime.now(UTC).isoformat(timespec="seconds"),
        )
        room.run(study, store, progress)
    return rows(folder)


def redraw(folder: Path | str) -> Card:
    """Draws the card of a folder from its rows. No model; it is estimated again only when rows changed."""
    from selfscope.report import write
    from selfscope.wording import question_text

    return Card(Path(folder), write(folder, found(Path(folder)), words=question_text))


def found(folder: Path) -> Findings:
    """What was estimated of a folder: kept beside its rows, and taken when made of just these rows by this version."""
    from pydantic import TypeAdapter, ValidationError

    from selfscope.report import FINDINGS
    from selfscope.verdicts.findings import Findings, find

    kept, stamp = folder / FINDINGS, {"fingerprint": fingerprint(folder), "version": _version()}
    if kept.exists():
        try:
            content: Mapping[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            if {k: content.get(k) for k in stamp} == stamp:
                own = {k: v for k, v in content.items() if k not in stamp}
                return TypeAdapter(Findings).validate_python(own)
        except (json.JSONDecodeError, UnicodeDecodeError, ValidationError, AttributeError):
            pass  # findings are a cache of the rows: what cannot be read is made again
    held = read(folder)
    made = find(held.rows, held.trials, held.truths, held.observations)
    write_atomically(kept, json.dumps({**stamp, **to_jsonable(made)}, ensure_ascii=False))
    return made


def _version() -> str:
    try:
        return version("selfscope")
    except PackageNotFoundError:
        return "source"
