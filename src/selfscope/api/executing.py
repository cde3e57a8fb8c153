"""A study, run into its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.errors import BadInput
from selfscope.report.estimates import package_version
from selfscope.store import Store

if TYPE_CHECKING:
    from selfscope.study import Progress, Study


def execute(
    study: Study,
    folder: Path | str,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    jobs: int = 1,
    connect: Callable[[], Study] | None = None,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Runs a study into a folder, and reads nothing back. before: what another card said (`report.said_in`)."""
    from selfscope import study as room

    if jobs < 1:  # before the folder is there
        raise BadInput(f"jobs is a number of processes from 1 on, not {jobs}")
    with Store(folder, study.settings(), resume=resume) as store:
        store.note(
            subject=study.subject.name,
            identity=study.subject.identity,
            profile=study.profile,
            version=package_version(),
            date=store.meta.get("date") or datetime.now(UTC).isoformat(timespec="seconds"),
            **({"before": before} if before else {}),
            **({"not_run": list(study.left_out)} if study.left_out else {}),
        )
        room.run(study, store, progress, jobs=jobs, connect=connect)
