"""In which fields an entity that exists differs from what is wanted. The same for every kind of entity.

An entity is compared as its *fields*: a dict whose keys are the parameters of the operators. A field that the
caller did not say is left out or None, and is no difference, whatever AEP has in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Fields = Mapping[str, Any]
Fixed = Callable[[str, Any], str]
"""By a field's name and existing value: why it cannot be changed and the way round, empty if it can be."""

_MOST_TOLD = 30
_LONGEST_VALUE = 160


@dataclass(frozen=True)
class Difference:
    """One field. A value that is None is missing.

    :param fixed: why AEP does not change it, and the way round; empty where it can be changed
    """

    field: str
    existing: Any
    wanted: Any
    fixed: str = ""

    def __str__(self) -> str:
        return f"`{self.field}`: existing {_shown(self.existing)}, wanted {_shown(self.wanted)}"


def compare(
    wanted: Fields,
    existing: Fields,
    *,
    fixed: Fixed = lambda _field, _existing: "",
    whole: Collection[str] = (),
    defaults: Fields | None = None,
) -> list[Difference]:
    """The fields of ``wanted`` that ``existing`` does not have like that; dicts are compared by their keys.

    :param whole: dicts of which a key that only exists is a difference, too
    :param defaults: what AEP means by a field that it does not show
    """
    found = []
    for field, here, there in _pairs(wanted, existing, whole):
        if there is None and defaults is not None:
            there = defaults.get(field)
        if normal(here) != normal(there):
            found.append(Difference(field, there, here, fixed(field, there)))
    return found


def listed(differences: Sequence[Difference]) -> str:
    """Each with both values, for a log or an error."""
    rest = len(differences) - _MOST_TOLD
    told = [str(one) for one in differences[:_MOST_TOLD]]
    return "; ".join([*told, f"and {rest} more"] if rest > 0 else told)


def normal(value: Any) -> Any:
    """A value as AEP may store it: numbers and booleans as texts, nothing for what is missing in a dict."""
    if isinstance(value, Mapping):
        return {str(key): normal(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [normal(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = None if value is None else str(value).strip()
    return text.lower() if text is not None and text.lower() in ("true", "false") else text


def _pairs(wanted: Fields, existing: Fields, whole: Collection[str]) -> Iterator[tuple[str, Any, Any]]:
    for name, here in wanted.items():
        there = existing.get(name)
        if not isinstance(here, Mapping):
            if here is not None:
                yield name, here, there
            continue
        known = there if isinstance(there, Mapping) else {}
        for key in [*here, *(key for key in known if name in whole and key not in here)]:
            if here.get(key) is not None or key not in here:
                yield f"{name}.{key}", here.get(key), known.get(key)


def _shown(value: Any) -> str:
    text = "none" if value is None else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
