"""What is asked is nothing that was taught: clusters of the test split that an adapter's lesson has are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from selfscope.errors import BadInput

if TYPE_CHECKING:
    from selfscope.study import Study
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject


def phenomenon_of(phenomenon: str | Any) -> Any:
    """The phenomenon of a name with settings, or the phenomenon itself."""
    from selfscope.study.names import built

    return built("phenomenon", phenomenon) if isinstance(phenomenon, str) else phenomenon


def apart(subject: Subject, about: Any, sidecars: Mapping[str, Sidecar], seed: int) -> None:
    """Raises BadInput where an adapter was taught with a cluster that is asked about. sidecars: by folder."""
    asked: set[str] = set()
    for place, side in sidecars.items():
        made = side.made
        own = phenomenon_of(made["phenomenon"]) if "phenomenon" in made else None
        if own is None or own.kind != about.kind:
            continue
        asked = asked or {t.cluster for t in about.pose(subject, seed) if t.split == "test"}
        learnt = {t.cluster for t in own.pose(subject, int(made["schedule"]["seed"])) if t.split == "train"}
        if asked & learnt:
            raise BadInput(
                f"the adapter {place} was taught {len(asked & learnt)} of the {len(asked)} things that are asked "
                f"about: teach it with {about.id} and the seed {seed}"
            )


def study_apart(study: Study) -> Study:
    """The study, whose subject was taught nothing that it is asked about. Raises BadInput."""
    worn: Mapping[str, Sidecar] = getattr(study.subject, "worn", {})
    for plan in study.plans if worn else ():
        apart(study.subject, plan.phenomenon, worn, study.seed)
    return study
