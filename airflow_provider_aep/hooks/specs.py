"""What the platform itself says of a source, asked once in a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_aep.flow_service.connection_specs import (
    ConnectionSpec,
    check_owner,
    differences,
)
from airflow_provider_aep.flow_service.errors import (
    AepPermissionError,
    AepServerError,
    AepThrottledError,
    AepTransportError,
)
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, withdrawn

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

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
