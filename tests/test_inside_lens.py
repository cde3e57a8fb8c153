"""The logit lens, where options begin with one token."""

from __future__ import annotations

import pytest

import tiny_llama
from selfscope.api.read_state import read
from selfscope.errors import Unsupported
from selfscope.phenomena.one_state import OneState
from selfscope.readers.logit_lens import LogitLens
from selfscope.records import Reading
from selfscope.subjects.local import Local

folder = tiny_llama.folder
subject = tiny_llama.subject


def test_the_lens_does_not_tell_options_apart_that_begin_with_one_token(subject: Local) -> None:
    """That token's probability counts once, and none of them wins by being the shorter one."""
    options = ("a b", "a b c")
    with pytest.raises(Unsupported, match="all options begin with one token"):
        read(subject, "Which?", about="The river", layer=1, options=options, reader="logit_lens")

    def lens(*texts: str) -> Reading:
        trials = OneState("Which?", "The river", (-1,), texts).pose(subject, 0)
        return LogitLens(layer=1).read(subject, trials[:1])[0]

    alone, both = lens("a b", "the"), lens("a b", "a b c", "the")
    assert alone.distribution is not None
    assert both.distribution is not None
    assert both.distribution[0] == pytest.approx(both.distribution[1])
    assert sum(both.distribution[:2]) == pytest.approx(alone.distribution[0])
    assert both.extra["sharing"] == 2
    scored = read(subject, "Which?", about="The river", layer=1, options=options)
    assert all(r.distribution is not None for r in scored.reads), "a reader of whole texts tells them apart"
