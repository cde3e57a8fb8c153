"""The standing sentences of a card: what its words mean, where its claims end."""

from __future__ import annotations

KINDS = {  # kind of claim -> its part of the summary, for one and for many
    "beyond": (
        "goes beyond the rivals tried, which is not proof of access",
        "go beyond the rivals tried, which is not proof of access",
    ),
    "alarm only": ("notices a change without knowing which", "notice a change without knowing which"),
    "narrative": ("is confident and not moved by the state", "are confident and not moved by the state"),
    "self-prediction": (
        "is what anyone with the same history or text could say",
        "are what anyone with the same history or text could say",
    ),
    "few": ("has too few items to tell", "have too few items to tell"),
    "not supported": ("lacks what a claim would need", "lack what a claim would need"),
}

LIMITS = (
    "Privileged is relative to the rivals that were tried. Only an arm that changes the state itself (causal, "
    "ablated) speaks without rivals; a claim on basis “rivals only” is never counted as access in the summary.",
    "The shares say whom a report follows; the ladder says how good a forecast it is. A report can follow its own "
    "state in part and still forecast worse than a dull rival, because the rest of it is confident and wrong.",
    "A verdict holds for these items, these wordings and this decoding, and for exactly this model: weights, "
    "adapter, tokenizer, template and number format are its identity.",
    "“Not supported” is not “no”. It says that the evidence carries no claim, and what would be needed.",
)

READING = (
    (
        "Private",
        "the part of the report that follows the model’s own state: what it will do on this very item, beyond what "
        "any rival could know.",
    ),
    (
        "Habit, input",
        "the parts that anyone could say who knows the model’s past (habit) or has merely read the prompt (input).",
    ),
    (
        "Format, unmoved",
        "the part that follows the position of an option or the word “yes”, and the part that follows nothing "
        "measured here.",
    ),
    (
        "Skill",
        "1 minus the Brier loss divided by that of always saying the base rate. 0 is the base rate, 1 is knowing "
        "the true probabilities; below 0 the base rate would have been better.",
    ),
    (
        "Interval",
        "95\u202f% over clusters of items (jackknife, t), including what the rival’s limited training leaves open.",
    ),
)
