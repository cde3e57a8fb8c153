"""Reply -> value: what a reply asserts, denies or only names; one strict grammar a format."""

from selfscope.parsing.assertions import affirmed, asserted, denied
from selfscope.parsing.replies import Parsed, is_refusal, parse_counts, parse_option, parse_percent
from selfscope.parsing.unknowing import passes_up, says_unknown

__all__ = [
    "Parsed", "affirmed", "asserted", "denied", "is_refusal", "parse_counts", "parse_option", "parse_percent",
    "passes_up", "says_unknown",
]  # fmt: skip
