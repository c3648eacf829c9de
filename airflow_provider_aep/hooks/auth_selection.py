"""Select the authentication type of a source, and make its parameters from an Airflow connection.

The platform defines which authentication types a source has. If the platform does not answer, the catalogue
does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_service.auth_parameters import convert, problems, secret_in_dag
from airflow_provider_aep.flow_service.connection_specs import (
    ConnectionSpec,
    check_owner,
    differences_from_catalogue,
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
from airflow_provider_aep.hooks.credential_map import connection_types, reason_unused
from airflow_provider_aep.hooks.credentials import OWN_FIELDS, Credentials

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook


SPECS: dict[tuple[str, str, str, str], ConnectionSpec] = {}
"""The specs that this process has read, by API, organization, sandbox and id."""


def read_auth_types(hook: FlowServiceHook, source: Source) -> Sequence[AuthSpec]:
    """Return a source's authentication types from the platform, or from the catalogue if that fails.

    A failure costs only the check: the POST decides whether a connection can be created. So a credential that
    may not read specs (403), or a platform that does not answer, does not fail the task.

    :raises SourceWithdrawnError: the platform does not offer the source
    """
    key = _spec_key(hook, source)
    if key not in SPECS:
        try:
            spec = hook.find_connection_spec(source.connection_spec_id)
        except (AepPermissionError, AepTransportError, AepServerError, AepThrottledError) as error:
            hook.log.warning("%s Checking %s against this provider's catalogue only.", error, source)
            return source.auth
        if spec is None:
            raise withdrawn(source, hook.sandbox)
        check_owner(source, spec)
        if source.auth and (found := differences_from_catalogue(source, spec)):
            hook.log.warning("%s differs from Adobe's documents: %s.", source, "; ".join(found))
        SPECS[key] = spec
    return SPECS[key].auth or source.auth


def known_auth_types(hook: FlowServiceHook, source: Source) -> Sequence[AuthSpec]:
    """Return the authentication types that this process has read from the platform, without a request."""
    spec = SPECS.get(_spec_key(hook, source))
    return spec.auth if spec else ()


def _spec_key(hook: FlowServiceHook, source: Source) -> tuple[str, str, str, str]:
    return (hook.settings.base_url, hook.settings.org_id, hook.sandbox, source.connection_spec_id)


@dataclass(frozen=True)
class Auth:
    """``auth`` of a base connection. ``repr`` does not show the parameters.

    :param unused: the connection's fields that no parameter is made of, in words, with the reason
    :param schemas: the JSON Schema of each parameter
    """

    auth_spec: str
    params: dict[str, Any] = field(repr=False)
    unused: tuple[str, ...] = ()
    schemas: Mapping[str, Any] = field(default_factory=dict, repr=False)


def select_auth(
    auth_types: Sequence[AuthSpec], credentials: Credentials, auth_spec: str | None = None
) -> Auth:
    """Select the authentication type that the connection's fields fit, and make its parameters.

    If several fit, select the type that uses the most fields: all that the others use, and more.

    :param auth_types: the authentication types of the source, from the platform or from the catalogue
    :param auth_spec: the name of the authentication type, if the author of the DAG chose it
    :raises SourceCredentialsError: no authentication type fits, or several do. The error names every missing
        and invalid parameter, and shows no value
    :raises AepConfigError: a parameter of the task is a secret by the authentication type's schema
    """
    if auth_spec is not None:
        auth_types = [_find(auth_spec, auth_types, credentials.source)]
    if not auth_types:
        raise SourceCredentialsError(
            f"Neither this provider nor the platform knows an authentication type of {credentials.source}. "
            "Set `auth_spec`, and put the parameters into the extra of the Airflow connection.",
            parameter="auth_spec",
        )
    candidates = [_candidate(auth_type, auth_types, credentials) for auth_type in auth_types]
    fitting = [
        one for one in candidates if not one.problems and (auth_spec is not None or not one.unsupported)
    ]
    best = [one for one in fitting if not any(one.used < other.used for other in fitting)]
    if len(best) == 1:
        (selected,) = best
        auth_type = selected.auth_type
        if secret := [name for name in credentials.from_task if auth_type.is_secret(name)]:
            raise secret_in_dag(secret, credentials.conn_id)
        unused = tuple(_describe_unused(selected.used, credentials))
        return Auth(auth_type.name, selected.params, unused, auth_type.properties)
    raise _several_fit(best, credentials) if best else _none_fits(candidates, credentials)


def _find(auth_spec: str, auth_types: Sequence[AuthSpec], source: Source) -> AuthSpec:
    """Return the authentication type of that name. An exact match has priority over another spelling."""
    if not auth_types:
        return AuthSpec(auth_spec)
    found = [auth_type for auth_type in auth_types if same_name(auth_type.name, auth_spec)]
    if not found:
        known = ", ".join(f"{one} ({', '.join(one.required)})" for one in auth_types)
        raise SourceCredentialsError(
            f"{source} has no authentication type {auth_spec!r:.100} (`auth_spec`). It has {known}.",
            parameter="auth_spec",
        )
    return next((auth_type for auth_type in found if auth_type.name == auth_spec), found[0])


@dataclass(frozen=True)
class _Candidate:
    """An authentication type, with the parameters that the connection holds for it.

    :param used: the connection's fields that the parameters are made of
    :param problems: missing and invalid parameters, in words
    :param unsupported: parameters that the connection names, and that only other authentication types take
    """

    auth_type: AuthSpec
    params: dict[str, Any] = field(repr=False)
    used: frozenset[str]
    problems: list[str]
    unsupported: list[str]

    def __str__(self) -> str:
        complaints = [text.rstrip(".") for text in self.problems]
        complaints += [f"takes no `{name}`" for name in self.unsupported]
        return f"{self.auth_type.name!r}: {'; '.join(complaints)}"


def _candidate(auth_type: AuthSpec, auth_types: Sequence[AuthSpec], credentials: Credentials) -> _Candidate:
    try:
        found = credentials.parameters(auth_type)
    except AepConfigError as error:
        return _Candidate(auth_type, {}, frozenset(), [error.message], [])
    params = {name: convert(filled.value, auth_type.properties.get(name)) for name, filled in found.items()}
    used = frozenset().union(*(filled.used for filled in found.values()))
    of_any_type = {name for one in auth_types for name in one.parameters}
    unsupported = sorted(of_any_type & credentials.given.keys() - set(auth_type.parameters))
    return _Candidate(auth_type, params, used, problems(auth_type, params), unsupported)


# Messages: they name fields and parameters, and show no value


def _describe_unused(
    used: Iterable[str], credentials: Credentials, *, with_reason_only: bool = False
) -> Iterator[str]:
    """Yield the fields that no parameter is made of, with the reason if the field's name does not say it."""
    for field_name in credentials.unused(used):
        name = field_name.removeprefix("extra.")
        where = " of the extra" if field_name != name and name in OWN_FIELDS else ""
        reason = reason_unused(credentials.conn_type, name)
        if reason or not with_reason_only:
            yield f"`{name}`{where}" + (f" ({reason})" if reason else "")


def _several_fit(best: Sequence[_Candidate], credentials: Credentials) -> SourceCredentialsError:
    names = " and ".join(repr(one.auth_type.name) for one in best)
    return SourceCredentialsError(
        f"For {credentials.source}, {_connection(credentials)} fits {names} equally well. Choose one with "
        "`auth_spec`.",
        parameter="auth_spec",
    )


def _none_fits(candidates: Sequence[_Candidate], credentials: Credentials) -> SourceCredentialsError:
    several = "fits none of the authentication types."
    return SourceCredentialsError(
        f"For {credentials.source}, {_connection(credentials)} "
        f"{'does not fit' if len(candidates) == 1 else several} "
        f"{'. '.join(map(str, candidates))}. {' '.join(_advice(candidates, credentials))}",
        parameter=credentials.parameter,
        correct="the Airflow connection",
    )


def _connection(credentials: Credentials) -> str:
    return f"the Airflow connection {credentials.conn_id!r} (type {credentials.conn_type})"


def _advice(candidates: Sequence[_Candidate], credentials: Credentials) -> Iterator[str]:
    """Advise where parameters go, which connection types are read, and what may be a typo."""
    yield (
        "Put the parameters into its extra, under these names. Parameters that are not secret can be set in "
        "`auth_params`."
    )
    types = connection_types(credentials.source.key)
    if credentials.conn_type not in types:
        yield (
            f"This source reads the other fields of connections of type {', '.join(types)}, and not of type "
            f"{credentials.conn_type}."
        )
    missing = {name for one in candidates for name in one.auth_type.required if name not in one.params}
    excluded = credentials.excluded(missing)
    for excluding, params in excluded.items():
        fields = dict.fromkeys(name for names in params.values() for name in names)
        verb = "is" if len(params) == 1 else "are"
        yield f"`{excluding}` is set, so {_listed(params)} {verb} not made of {_listed(fields)}."
    missing -= {name for params in excluded.values() for name in params}
    for name, composing in credentials.composed(missing).items():
        yield f"`{name}` is made of the fields {', '.join(composing)}, if all of them have a value."
    used = {name for one in candidates for name in one.used}
    if unused := list(_describe_unused(used, credentials, with_reason_only=True)):
        yield f"Not used: {', '.join(unused)}."
    known = {name.lower(): name for one in candidates for name in one.auth_type.parameters}
    for name in sorted(credentials.given.keys() - set(known.values())):
        if near := difflib.get_close_matches(name.replace("_", "").lower(), known, n=1):
            yield f"Is `{name}` meant for `{known[near[0]]}`?"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
