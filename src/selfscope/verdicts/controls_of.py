"""Which controls a claim demands, what gives one that is missing, and which a smaller split can do without."""

from __future__ import annotations

from collections.abc import Mapping

from selfscope.verdicts.splits import POOLED, TRACKING
from selfscope.verdicts.words import ALARM, COPIES, FOLLOWS, FORMAT, NARRATIVE, PRIOR, PUBLIC, READS

CAUSAL, ABLATED, RIVALS = "access (causal)", "access (ablated)", "access (rivals only)"
COMPETENCE = "property competence"
_HIDDEN = (CAUSAL, ABLATED, READS)
_TEXT = (FOLLOWS, COPIES, ALARM)
_COMPOSED = (NARRATIVE, PUBLIC, PRIOR, FORMAT)
MATTERS: Mapping[str, tuple[str, ...]] = {
    "format panel": (CAUSAL, ABLATED, RIVALS, *_COMPOSED, READS, *_TEXT),
    "yes-bias panel": (CAUSAL, ABLATED, RIVALS, NARRATIVE, PUBLIC, READS, *_TEXT),
    "prior": (ABLATED, RIVALS, NARRATIVE, PUBLIC),
    "input rival": (ABLATED, RIVALS, NARRATIVE, PUBLIC),
    "history rival": (ABLATED, RIVALS, NARRATIVE, PUBLIC),
    "reliable history": (RIVALS, NARRATIVE, PUBLIC),
    "near twin": (RIVALS,),
    "changed state": _TEXT,
    "sham": (FOLLOWS, ALARM),
    "control question": (FOLLOWS, ALARM),
    "hidden state": _HIDDEN,
    "same words": _HIDDEN,
    "changed third person": _HIDDEN,
    "shuffled pairing": (ABLATED, RIVALS, NARRATIVE, PUBLIC),
    COMPETENCE: (NARRATIVE,),
    "truth ceiling": (ABLATED, RIVALS, PUBLIC),
    "third person": (PUBLIC,),
}
"""Control -> the claims that demand it (section 6 of the verdict's specification). What a changed state shows needs no
rival, and no private variation in the unchanged state."""
_BY_HISTORY = ("history rival", "reliable history", "truth ceiling")
EXCUSED: Mapping[str, tuple[str, ...]] = {POOLED: _BY_HISTORY, TRACKING: (*_BY_HISTORY, "input rival")}
"""Split -> controls that it does without: those are why it stands in for the full one."""

RUN = {
    "format panel": "a card with option orders and polarity permuted (every shipped phenomenon)",
    "yes-bias panel": "the control yes_bias (part of every profile)",
    "prior": "the reader prior (part of every profile)",
    "input rival": "--other MODEL, or a package with another subject's behaviour",
    "history rival": "train items, and the reader history_baseline (part of every profile)",
    "reliable history": "more train items: --profile full",
    "near twin": "--twin MODEL: a sibling fine-tune, another seed or an earlier checkpoint",
    "changed state": "the control changed (part of every profile)",
    "sham": "the control sham (part of every profile)",
    "control question": "the controls competence and changed_competence (part of every profile)",
    "hidden state": "the control vector_state (part of every profile): a model whose activations can be written",
    "same words": "the control vector_state (part of every profile)",
    "changed third person": "the control vector_state (part of every profile)",
    "shuffled pairing": "nothing: it is computed from the rows",
    COMPETENCE: "the control competence (part of every profile)",
    "truth ceiling": "prompts whose answers vary, or more rollouts: --profile full",
    "third person": "the control third_person (part of every profile)",
}
