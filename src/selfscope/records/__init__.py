"""The nouns of the project: frozen records that every room shares.

Each record goes to JSON with `to_json` and comes back with `from_json`; both carry `SCHEMA`, so that an old
folder is recognised. Nothing here computes a result.
"""

from selfscope.records.distributions import checked, checked_reply, fault_of, token_fault
from selfscope.records.formats import FORMATS, Format, format_of, is_scored, ten_counts
from selfscope.records.injections import Injection, Opaque, Vector
from selfscope.records.json import HASHED_AS, SCHEMA, content_hash, from_json, to_json, to_jsonable
from selfscope.records.numbers import check_seed
from selfscope.records.observations import Observation, Truth
from selfscope.records.parts import (
    PLAIN,
    REAL,
    RUNGS,
    ControlPart,
    Identified,
    Parts,
    PhenomenonPart,
    ReaderPart,
    control_part,
    id_of,
    phenomenon_part,
    reader_part,
)
from selfscope.records.prompts import NOTHING, Message, Prompt
from selfscope.records.questions import TEMPLATES, Option, Question
from selfscope.records.readings import Outcome, Reading, Row, Score
from selfscope.records.replies import Cost, Decoding, Reply, TokenDistribution
from selfscope.records.trials import AUTHORS, Evidence, Trial, labelled

__all__ = [
    "AUTHORS", "FORMATS", "HASHED_AS", "NOTHING", "PLAIN", "REAL", "RUNGS", "SCHEMA", "TEMPLATES", "ControlPart",
    "Cost", "Decoding", "Evidence", "Format", "Identified", "Injection", "Message", "Observation", "Opaque", "Option",
    "Outcome", "Parts", "PhenomenonPart", "Prompt", "Question", "ReaderPart", "Reading", "Reply", "Row", "Score",
    "TokenDistribution", "Trial", "Truth", "Vector", "check_seed", "checked", "checked_reply", "content_hash",
    "control_part", "fault_of", "format_of", "from_json", "id_of", "is_scored", "labelled", "phenomenon_part",
    "reader_part", "ten_counts", "to_json", "to_jsonable", "token_fault",
]  # fmt: skip
