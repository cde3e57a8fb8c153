"""The standing sentences of a card: what its words mean, where its claims end."""

from __future__ import annotations

KINDS = {  # kind of claim -> its part of the summary, behind a number of kinds of question
    "beyond": "it goes beyond the rivals tried, which is no proof of access",
    "reads the changed text": "it reads the changed text, as anyone could",
    "follows its context": "it follows its context, which is text that it can read",
    "alarm only": "it notices a change without knowing which",
    "narrative": "what it says is made up",
    "self-prediction": "anyone could have said it",
    "prior-like": "it says the same whatever is asked",
    "format": "it goes by the form of the question",
    "copies its context": "it repeats what stands in its context",
    "unmoved": "what it says does not move with its state, and what else it follows is open",
    "few": "the evidence does not decide yet",
    "not supported": "something that a claim needs is lacking",
}

LIMITS = (
    "A report that says what none of the rivals said is beyond *those* rivals. Only a changed state speaks without "
    "them; a claim on basis “rivals only” is never counted as access in the summary.",
    "Where only text can be changed (a model behind a server, a state that is turns in the context), a report can read "
    "the change. It can then be seen to follow its context or to copy it; no access to a state can be shown.",
    "The shares say whom a report follows; the skill says how good a forecast it is. A report can follow its own "
    "state in part and still forecast worse than a dull rival, because the rest of it is confident and wrong.",
    "A verdict holds for these items, these wordings and this decoding, and for exactly this model: weights, "
    "adapter, tokenizer, template and number format are its identity.",
    "“Not supported” is not “no”. It says that the evidence carries no claim, and what would settle it.",
)

READING = (
    (
        "Its own state",
        "the private share: what the report knows of what the model will do on this very item, beyond what anybody "
        "could know.",
    ),
    (
        "What it does",
        "the tracking share: goes with what the model then does, by whatever route: its state, its habits or the text. "
        "It is at most that much that can be access.",
    ),
    (
        "What anyone could say",
        "the public share: habit (known to someone who knows the model’s past) and input (known to someone who merely "
        "reads the text).",
    ),
    (
        "Form, nothing measured",
        "the format share follows the place of an answer or the word “yes”; the unmoved share follows nothing that was "
        "measured here.",
    ),
    (
        "Open",
        "what the evidence does not determine: shares whose 95\u202f% interval is wider than 60 points are not drawn. "
        "Figures below 0 or above 100\u202f% are shown as computed, with their intervals; only the drawing is cut.",
    ),
    (
        "When its state is changed",
        "a vector is written where the model read the prompt, so that it does something else; no report can read that "
        "as text. What then moves along, beyond what the same words do elsewhere and what it says of somebody else, is "
        "access.",
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
