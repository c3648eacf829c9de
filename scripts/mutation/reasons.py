"""Why a mutant may survive: one that nobody can tell from the original, and words.

A reason holds for what it is written for. What survives without one fails the run.
"""

from __future__ import annotations

from scripts.mutation.mutants import Survivor

WORDS = "only the words of a sentence"
SAME = "does the same"
WEIGHT = "a weight, and another orders the catalogue alike"

REASONS = (
    ("exactly_once/marks.py:make_mark", '"UTF-8"', SAME),
    ("exactly_once/rotation.py:_rest", 'key != "', SAME),  # `auth` is compared beside it
    ("flow_service/auth_schemas.py:_is_one_of", "kinds.get(kind, ", SAME),
    ("flow_service/bodies.py:read_mapping_set", '{"id": given, ', SAME),  # 0 is what a missing version is
    ("flow_service/places.py:_table", '"XXXX"', SAME),
    ("flow_service/replies.py:is_missing_spec", '.partition("FLOW-")', SAME),
    ("flow_service/replies.py:is_missing_spec", '"XXXX"', SAME),
    ("flow_service/runs.py:read_phase", '"XXXX"', SAME),
    ("flow_service/tables.py:read_tables", '"TABLE").lower()', SAME),
    ("flow_service/tables.py:read_tables", "bool(item.get(", SAME),
    ("flow_service/withdrawal.py:nearest_living", "/ 5 +", WEIGHT),
    ("flow_service/withdrawal.py:nearest_living", "/ 21", WEIGHT),
    ("flow_service/withdrawal.py:_overlap", "if a & b", SAME),
    ("flow_service/xdm.py:check_class", '"XXXX"', SAME),
)
"""Module and function, a part of what it becomes, why."""


def why(survivor: Survivor) -> str | None:
    """The reason, or None where nobody has given one."""
    if survivor.sentence:
        return WORDS
    place = f"{survivor.module}:{survivor.function}"
    for where, part, reason in REASONS:
        if place == where and part in survivor.becomes:
            return reason
    return None
