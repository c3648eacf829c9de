"""Select the authentication type of a source, and make its parameters of an Airflow connection.

Which types there are, the platform says; if it cannot be asked, the catalogue.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_service.auth_parameters import fitted, problems
from airflow_provider_aep.flow_service.connection_specs import (
    ConnectionSpec,
    check_owner,
    differences,
)
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepPermissionError,
    AepServerError,
    AepThrottledError,
    AepTransportError,
    SourceCredentialsError,
)
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, same_name, withdrawn
from airflow_provider_aep.hooks.credential_map import types_of, why_not
from airflow_provider_aep.hooks.credentials import OWN_FIELDS, Credentials

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook


@dataclass(frozen=True)
class Auth:
    """``auth`` of a base connection. ``repr`` leaves the parameters out.

    :param unused: the connection's fields that no parameter was made of, in words, with why
    """

    spec_name: str
    params: dict[str, Any] = field(repr=False)
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Try:
    """One way, with what the connection gives to it.

    :param wrong: what is missing or wrong, in words
    :param stray: parameters that the connection names and only other ways take
    """

    auth: AuthSpec
    params: dict[str, Any] = field(repr=False)
    used: frozenset[str]
    wrong: list[str]
    stray: list[str]

    @property
    def complaints(self) -> list[str]:
        return [text.rstrip(".") for text in self.wrong] + [f"takes no `{name}`" for name in self.stray]


def settle_auth(ways: Sequence[AuthSpec], credentials: Credentials, wanted: str | None = None) -> Auth:
    """The way that the connection's own fields choose, checked: the one that uses all of them.

    :param ways: what the source takes, by the platform or by the catalogue
    :param wanted: the name of the way, where the author of the DAG has chosen
    :raises SourceCredentialsError: none fits, or several do; what is missing or wrong is named
    """
    if wanted is not None:
        ways = [_named(wanted, ways, credentials)]
    if not ways:
        raise SourceCredentialsError(
            f"How {credentials.source} authenticates, neither this provider nor the platform says. Give "
            "`auth_spec`, and the parameters in the Airflow connection's extra.",
            parameter="auth_spec",
        )
    tries = [_try(auth, ways, credentials) for auth in ways]
    fitting = [one for one in tries if not one.wrong and (not one.stray or wanted is not None)]
    best = [one for one in fitting if not any(one.used < other.used for other in fitting)]
    if len(best) == 1:
        return Auth(best[0].auth.name, best[0].params, tuple(_unused(best[0].used, credentials)))
    raise _undecided(tries, best, credentials)


def _named(wanted: str, ways: Sequence[AuthSpec], credentials: Credentials) -> AuthSpec:
    found = [auth for auth in ways if same_name(auth.name, wanted)]
    if found:
        return next((auth for auth in found if auth.name == wanted), found[0])
    if not ways:
        return AuthSpec(wanted)
    raise SourceCredentialsError(
        f"{credentials.source} has no authentication {wanted!r:.100} (`auth_spec`). {_listed(ways)}",
        parameter="auth_spec",
    )


def _try(auth: AuthSpec, ways: Sequence[AuthSpec], credentials: Credentials) -> _Try:
    try:
        found = credentials.parameters(auth)
    except AepConfigError as error:
        return _Try(auth, {}, frozenset(), [error.message], [])
    params = {name: fitted(one.value, auth.properties.get(name)) for name, one in found.items()}
    used = frozenset().union(*(one.used for one in found.values()))
    stray = sorted(_parameters(ways) & credentials.explicit.keys() - set(auth.parameters))
    return _Try(auth, params, used, problems(auth, params), stray)


def _unused(used: Iterable[str], credentials: Credentials, *, all_of_them: bool = True) -> Iterator[str]:
    """The fields that nothing is made of; or those alone of which more is to be said."""
    for place in credentials.unused(used):
        name = place.removeprefix("extra.")
        why = why_not(credentials.conn_type, name)
        if all_of_them or why:
            where = " of the extra" if place != name and name in OWN_FIELDS else ""
            yield f"`{name}`{where}" + (f" ({why})" if why else "")


def _parameters(ways: Sequence[AuthSpec]) -> set[str]:
    return {name for way in ways for name in way.parameters}


def _undecided(tries: list[_Try], best: list[_Try], credentials: Credentials) -> SourceCredentialsError:
    place = f"the Airflow connection {credentials.conn_id!r} (type {credentials.conn_type})"
    if best:
        names = " and ".join(repr(one.auth.name) for one in best)
        return SourceCredentialsError(
            f"For {credentials.source}, {place} fits {names} alike. Say which with `auth_spec`.",
            parameter="auth_spec",
        )
    ways = ". ".join(f"{one.auth.name!r}: {'; '.join(one.complaints)}" for one in tries)
    fits = "does not fit" if len(tries) == 1 else "fits none of its ways to authenticate."
    return SourceCredentialsError(
        f"For {credentials.source}, {place} {fits} {ways}. {' '.join(_advice(tries, credentials))}",
        parameter=credentials.parameter,
    )


def _advice(tries: list[_Try], credentials: Credentials) -> Iterator[str]:
    """Advise where parameters go, which connection types are read, and what may be a typo."""
    yield "Put parameters into its extra, under these names; what is no secret may stand in `auth_params`."
    types = types_of(credentials.source.key)
    if (type_ := credentials.conn_type) not in types:
        yield f"Of a connection of type {type_}, nothing else is read: try {', '.join(types)}."
    lacking = {name for one in tries for name in one.auth.required if name not in one.params}
    ruled_out = credentials.ruled_out(lacking)
    for rule, params in ruled_out.items():
        made_of = dict.fromkeys(one for fields in params.values() for one in fields)
        named, parts = (", ".join(f"`{name}`" for name in names) for names in (params, made_of))
        yield f"`{rule}` is filled in, so {named} {'is' if len(params) == 1 else 'are'} not made of {parts}."
    lacking -= {name for params in ruled_out.values() for name in params}
    for name, fields in credentials.made_of(lacking).items():
        yield f"`{name}` is made of its {', '.join(fields)}, where they are filled in."
    if said := list(_unused(set().union(*(one.used for one in tries)), credentials, all_of_them=False)):
        yield f"Not used: {', '.join(said)}."
    known = {name.lower(): name for one in tries for name in one.auth.parameters}
    for key in sorted(credentials.explicit.keys() - set(known.values())):
        if near := difflib.get_close_matches(key.replace("_", "").lower(), known, n=1):
            yield f"Is `{key}` meant for `{known[near[0]]}`?"


def _listed(ways: Sequence[AuthSpec]) -> str:
    return "It has " + ", ".join(f"{auth} ({', '.join(auth.required)})" for auth in ways) + "."


SPECS: dict[tuple[str, str, str, str], ConnectionSpec] = {}
"""By API, organization, sandbox and id."""


def ways_to_authenticate(hook: FlowServiceHook, source: Source) -> Sequence[AuthSpec]:
    """How the platform lets one authenticate at a source; where it cannot be asked, how the catalogue says.

    The look is a help: whether a connection can be made, its POST decides. So a credential that may not
    read specs (403), or a platform that does not answer, costs the check and not the task.

    :raises SourceWithdrawnError: the platform does not offer the source
    """
    key = (hook.settings.base_url, hook.settings.org_id, hook.sandbox, source.connection_spec_id)
    if key not in SPECS:
        try:
            spec = hook.find_connection_spec(source.connection_spec_id)
        except (AepPermissionError, AepTransportError, AepServerError, AepThrottledError) as error:
            hook.log.warning("%s So %s is checked against this provider's catalogue alone.", error, source)
            return source.auth
        if spec is None:
            raise withdrawn(source, hook.sandbox)
        check_owner(source, spec)
        if source.auth and (found := differences(source, spec)):
            hook.log.warning("%s is not as Adobe's documents say: %s.", source, "; ".join(found))
        SPECS[key] = spec
    return SPECS[key].auth or source.auth
