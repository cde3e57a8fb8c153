"""What a profile asks about of its own accord: what this subject's tier allows and this machine can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from selfscope.phenomena.base import Phenomenon
from selfscope.study.names import parsed
from selfscope.study.profiles import Profile
from selfscope.subjects.base import Subject, reaches


def usual_phenomena(subject: Subject, profile: Profile) -> tuple[list[str], tuple[str, ...]]:
    """The names of a profile's phenomena, and of what cannot be run here a sentence each, why.

    Parameters
    ----------
    subject
        Whom they are about: those that need more access than it gives are left away.
    profile
        Whose they are.
    """
    names, left_out = [], []
    for name in (*profile.phenomena, *profile.inside):
        kind = parsed("phenomenon", name)[0]
        if not reaches(subject, getattr(kind, "tier", "text")):
            continue
        missing: Callable[[], str] | None = getattr(kind, "missing", None)
        why = missing() if missing is not None else ""
        if why:
            left_out.append(f"{getattr(kind, 'title', name)}: {why}")
        else:
            names.append(name)
    return names, tuple(left_out)


def with_room(profile: Profile, phenomenon: Phenomenon) -> Profile:
    """The profile without numbers of examples that the phenomenon has no room for: its questions are too long."""
    most: int | None = getattr(phenomenon, "most_examples", None)
    return profile if most is None else replace(profile, few_shot=tuple(k for k in profile.few_shot if k <= most))
