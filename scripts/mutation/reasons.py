"""Why a mutant may survive: one that nobody can tell from the original, and words.

A reason holds for what it is written for. What survives without one fails the run.
"""

from __future__ import annotations

from scripts.mutation.mutants import Survivor

WORDS = "only the words of a sentence"
SAME = "does the same"
HINTS = "how many names a typo is answered with"
OLD = "only Python 3.10 needs it"
STEP = "a step of half a second, or twice that, is far from the limit of a minute"
LIMIT = "one more or less at a limit that nothing real comes near"
WEIGHT = "a weight, and another orders the catalogue alike"

REASONS = (
    ("exactly_once/adoption.py:published", 'AepError | None = ""', SAME),  # set before it is read
    ("exactly_once/adoption.py:update", "lost = None", SAME),
    ("exactly_once/marks.py:find_mark", '"XXXX"', SAME),
    ("exactly_once/marks.py:maker", '"XXXX"', SAME),
    ("exactly_once/marks.py:make_mark", '"UTF-8"', SAME),
    ("exactly_once/recipe.py:_choose", "len(standing) < 1", SAME),  # one alone leaves nothing to remove
    ("exactly_once/recipe.py:_delete_own", "initializing", SAME),  # so does any state that is not known
    ("exactly_once/recipe.py:_delete_own", "INITIALIZING", SAME),
    ("exactly_once/recipe.py:_look_after", "standing: list[Entity] = None", SAME),
    ("exactly_once/recipe.py:_look_after", "rest = wait_for(", STEP),
    ("exactly_once/recipe.py:_look_after", "0 <= rest", SAME),  # a sleep of no time
    ("exactly_once/recipe.py:_may_repeat", "wait_for(error, ", STEP),
    ("exactly_once/recipe.py:_standing_with_own", "standing: list[Entity] = None", SAME),
    ("exactly_once/recipe.py:_standing_with_own", '"DRAFT"', SAME),
    ("exactly_once/recipe.py:_look_after", "rest < LONGEST_WAIT", LIMIT),
    ("exactly_once/recipe.py:_look_and_post", "healed=None", SAME),
    ("exactly_once/rotation.py:_rest", 'key != "', SAME),  # `auth` is compared beside it
    ("exactly_once/runs.py:start_once", "newer: list[Run] = None", SAME),
    ("exactly_once/switch.py:switch_once", 'AepError | None = ""', SAME),
    ("flow_service/auth_schemas.py:_is_one_of", "kinds.get(kind, ", SAME),
    ("flow_service/bodies.py:read_mapping_set", '{"id": given, ', SAME),  # 0 is what a missing version is
    ("flow_service/bounds.py:unpacked", "| 33", SAME),
    ("flow_service/bounds.py:unpacked", "unzip.decompress(content, ", "the same error, after more memory"),
    ("flow_service/checks.py:check_id", "<= 81", LIMIT),
    ("flow_service/checks.py:check_seconds", 'float("I', SAME),
    ("flow_service/explanations.py:explain", '"XXXX"', SAME),
    ("flow_service/mappings.py:_rank", "else 5", SAME),
    ("flow_service/places.py:_table", '"XXXX"', SAME),
    ("flow_service/replies.py:error_from_reply", '"content-type", "XXXX"', SAME),
    ("flow_service/replies.py:is_missing_spec", '.partition("FLOW-")', SAME),
    ("flow_service/replies.py:is_missing_spec", '"XXXX"', SAME),
    ("flow_service/runs.py:read_phase", '"XXXX"', SAME),
    ("flow_service/run_verdict.py:_error", 'run.detail or "XXXX"', SAME),
    ("flow_service/run_verdict.py:_error", "zip(counts, fates, ", SAME),  # both are of four
    ("flow_service/runs.py:_number", "1e+18", SAME),
    ("flow_service/runs.py:_number", "[:19]", LIMIT),
    ("flow_service/runs.py:_number", "<= 1e18", LIMIT),
    ("flow_service/runs.py:_status", "[:61]", LIMIT),
    ("flow_service/schedules.py:epoch_seconds", '.replace("', OLD),
    ("flow_service/schedules.py:read_schedule", '"ONCE"', SAME),
    ("flow_service/replies.py:describe", "[:61]", LIMIT),
    ("flow_service/sources.py:find_source", 'else "XXXX"', SAME),  # nothing is called like that
    ("flow_service/sources.py:find_source", "(letters) or True", SAME),  # nothing is like nothing
    ("flow_service/sources.py:_suggestions", "len(letters)", HINTS),
    ("flow_service/sources.py:_suggestions", "get_close_matches", HINTS),
    ("flow_service/sources.py:_suggestions", "[:6]", HINTS),
    ("flow_service/tables.py:read_tables", '"TABLE").lower()', SAME),
    ("flow_service/tables.py:read_tables", "bool(item.get(", SAME),
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
