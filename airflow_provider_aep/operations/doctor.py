"""Every reason why the provider may not work here, in the order in which they depend on each other.

Each check has one of three results: fine, broken with a fix, or unknown with the reason. If a check is
broken, only the checks that depend on it are unknown. Nothing is sent twice, and no check waits for longer
than the connection's ``timeout`` for an answer.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError
from typing import Any

from airflow_provider_aep.flow_service.collections import CONNECTIONS
from airflow_provider_aep.flow_service.connection_specs import check_owner
from airflow_provider_aep.flow_service.datasets import DATASETS
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepError,
    AepTransportError,
    ConnectionMissingError,
)
from airflow_provider_aep.flow_service.mappings import MAPPING_SETS
from airflow_provider_aep.flow_service.retry import epoch_of_http_date
from airflow_provider_aep.flow_service.sources import Source, choose_source, find_source, withdrawn
from airflow_provider_aep.flow_service.xdm import SCHEMAS, resources
from airflow_provider_aep.hooks import diagnosis
from airflow_provider_aep.hooks.access import AccessHook
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.connection import DEFAULT_TIMEOUT, describe_unknown
from airflow_provider_aep.hooks.data_access import DataAccessHook
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.diagnosis import CREDENTIAL, ORGANIZATION, PERMISSIONS, SANDBOX, Fault
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.ims import SharedToken
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from airflow_provider_aep.operations import installation

LARGEST_SKEW = 60.0
"""Seconds by which this computer's clock may differ from AEP's."""

PERMISSION_NAMES = {
    "view-sources": "View Sources",
    "manage-sources": "Manage Sources",
    "view-schemas": "View Schemas",
    "manage-schemas": "Manage Schemas",
    "view-datasets": "View Datasets",
    "manage-datasets": "Manage Datasets",
    "view-monitoring-dashboard": "View Monitoring Dashboard",
}
"""The permissions that this provider needs, with their names in AEP's UI (Adobe's access control guides)."""

HOST, IMS_HOST = "host", "ims_host"
"""The two parts of the check ``address``, for the checks that need only one of them."""


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    :param ok: None if it is unknown
    :param because: the check that is broken, so that this one is unknown
    """

    ok: bool | None
    detail: str
    fix: str | None = None
    because: str | None = None


@dataclass(frozen=True)
class Result:
    """A finding under the name of its check."""

    check: str
    finding: Finding

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON shows it."""
        one = self.finding
        return {"check": self.check, "ok": one.ok, "detail": one.detail, "fix": one.fix}


def not_checked(because: str) -> Finding:
    """Return the finding of a check that depends on a broken one."""
    return Finding(None, f"Not checked, because of `{because}`.", because=because)


def broken(fault: Fault) -> Finding:
    """Return the finding of a fault."""
    return Finding(False, fault.detail, fault.fix)


def defect(error: BaseException) -> str:
    """Return the name of an exception. Its text can hold secrets."""
    return f"{type(error).__module__}.{type(error).__qualname__}"


@dataclass
class Examination:
    """The common state of the checks: hooks, answers that were read, and broken checks."""

    hook: FlowServiceHook
    sources: Sequence[str] = ()
    broken: dict[str, str] = field(default_factory=dict)
    """The root of each check, or part of a check, that is broken or cannot be checked."""
    missing: list[str] = field(default_factory=list)
    date: tuple[float, str | None, float] | None = None
    """When AEP was asked, the ``Date`` of its answer, and when the answer arrived."""
    token_fault: Fault | None = None
    _read: dict[str, Any] = field(default_factory=dict)

    def read(self, name: str) -> Any:
        """Ask a service once. :raises AepError: it failed, now or before"""
        if name not in self._read:
            try:
                self._read[name] = READS[name](self.hook)
            except AepError as error:
                self._read[name] = error
        if isinstance(found := self._read[name], AepError):
            raise found
        return found

    def answers(self, name: str) -> bool:
        """Return whether a service answers."""
        try:
            self.read(name)
        except AepError:
            return False
        return True

    def fault(self, error: AepError, service: str) -> Fault:
        """Judge the failure of a request to a service."""
        return diagnosis.request_fault(self.hook.settings, error, self.hook.sandbox, service)

    @property
    def patience(self) -> float:
        """Seconds to wait for Airflow's database."""
        return DEFAULT_TIMEOUT if diagnosis.CONNECTION in self.broken else self.hook.settings.timeout


READS: dict[str, Callable[[FlowServiceHook], Any]] = {
    "sandboxes": lambda hook: hook.to(AccessHook).list_sandboxes(),
    "permissions": lambda hook: hook.to(AccessHook).list_permissions(PERMISSION_NAMES),
    "flow_service": lambda hook: hook.read_one(CONNECTIONS),
    "schema_registry": lambda hook: hook.to(SchemaRegistryHook).read_one(resources(SCHEMAS)),
    "catalog": lambda hook: hook.to(CatalogHook).read_one(DATASETS),
    "data_prep": lambda hook: hook.to(DataPrepHook).read_one(MAPPING_SETS),
    "data_access": lambda hook: hook.to(DataAccessHook).check_answers(),
}


def examine(
    aep_conn_id: str,
    sandbox: str | None = None,
    *,
    sources: Iterable[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> list[Result]:
    """Carry out all checks. A failure of one is never the failure of another.

    :param sources: names of sources that the platform must offer, in addition to those that DAGs name
    :param progress: gets the name of each check before it begins
    """
    hook = FlowServiceHook(aep_conn_id, sandbox)
    hook.sleep_at_most(0)  # nothing is repeated: a failure is what this is about
    patient = Examination(hook, tuple(sources))
    results = []
    for name, needs, check in CHECKS:
        progress(f"Checking {name}")
        finding = _carry_out(patient, needs, check)
        if root := (name if finding.ok is False else finding.because):
            patient.broken[name] = root
        results.append(Result(name, finding))
    return results


def _carry_out(patient: Examination, needs: Sequence[str], check: Check) -> Finding:
    root = next((patient.broken[need] for need in needs if need in patient.broken), None)
    if root is not None:
        return not_checked(root)
    try:
        return check(patient)
    except Exception as error:  # noqa: BLE001 - the other checks go on
        return Finding(None, f"Not checked, because of an unexpected {defect(error)}.", "Report this defect.")


_BACKENDS = "Check Airflow's metadata database and its secrets backends."


def check_connection(patient: Examination) -> Finding:
    """The Airflow connection exists, and its settings are valid."""
    hook = patient.hook
    where = f"the Airflow connection {hook.aep_conn_id!r}"
    try:
        settings, sandbox = installation.within(DEFAULT_TIMEOUT, lambda: (hook.settings, hook.sandbox))
    except AepError as error:
        fault = Fault(diagnosis.CONNECTION, "", error)
        # Airflow says the same if its database or a secrets backend fails
        also = f" If it exists: {_BACKENDS}" if isinstance(error, ConnectionMissingError) else ""
        return Finding(False, fault.detail, f"{fault.fix}{also}")
    except concurrent.futures.TimeoutError:
        problem = f"Airflow did not return {where} within {DEFAULT_TIMEOUT:g} s."
    except Exception as error:  # noqa: BLE001 - its text can hold the whole connection
        problem = f"Airflow failed with {defect(error)} when it read {where}."
    else:
        unknown = f" {describe_unknown(settings.unknown)}" if settings.unknown else ""
        return Finding(True, f"{where[4:]}, sandbox '{sandbox}'.{unknown}")
    return Finding(False, problem, _BACKENDS)


def check_address(patient: Examination) -> Finding:
    """Both hosts answer. ``host`` gets no credentials, ``ims_host`` gets the token request."""
    settings, faults = patient.hook.settings, []
    asked = time.time()
    try:
        reply = patient.hook.ping()
        patient.date = asked, reply.headers.get("date"), time.time()
    except (AepTransportError, AepConfigError) as error:
        faults.append(diagnosis.address_fault(settings, error, HOST))
        patient.broken[HOST] = diagnosis.ADDRESS
    if faults and settings.ims_url == settings.base_url:
        patient.broken[IMS_HOST] = diagnosis.ADDRESS
        return broken(faults[0])
    try:
        patient.hook.renew_token()
    except AepError as error:
        fault = diagnosis.token_fault(settings, error)
        if fault.at == diagnosis.ADDRESS:
            faults.append(fault)
            patient.broken[IMS_HOST] = diagnosis.ADDRESS
        else:
            patient.token_fault = fault
    if faults:
        fixes = dict.fromkeys(fault.fix for fault in faults)
        return Finding(False, " ".join(fault.detail for fault in faults), " ".join(fixes))
    hosts = dict.fromkeys((settings.base_url, settings.ims_url))
    return Finding(True, f"{' and '.join(hosts)} answer{'s' * (len(hosts) == 1)}.")


def check_credential(patient: Examination) -> Finding:
    """IMS gives a token for client ID and secret, and AEP takes both."""
    if patient.token_fault is not None:
        return broken(patient.token_fault)
    settings = patient.hook.settings
    if HOST not in patient.broken:
        try:
            patient.read("sandboxes")
        except AepError as error:
            if (fault := patient.fault(error, "Sandbox Management")).at == CREDENTIAL:
                return broken(fault)
    obstacle = SharedToken(settings).obstacle()
    sharing = f"Each task requests its own: {obstacle}." if obstacle else "Tasks of this machine share one."
    return Finding(True, f"{settings.ims_url} gave a token to client ID {settings.client_id}. {sharing}")


def check_organization(patient: Examination) -> Finding:
    """The credential belongs to the organization."""
    unclear = []
    for name, service in (("sandboxes", "Sandbox Management"), ("flow_service", "Flow Service")):
        try:
            patient.read(name)
        except AepError as error:
            fault = patient.fault(error, service)
            if fault.at == ORGANIZATION:
                return broken(fault)
            if fault.at != SANDBOX:  # no evidence that it was the service itself that answered
                unclear.append(fault)
                continue
        return Finding(True, f"The credential has access to {patient.hook.settings.org_id}.")
    said = " ".join(fault.detail for fault in unclear)
    return Finding(None, f"Not checked, because no service gave a usable answer. {said}", unclear[0].fix)


def check_clock(patient: Examination) -> Finding:
    """This computer's clock is right by the ``Date`` of any answer of AEP."""
    if patient.date is None:
        return not_checked(diagnosis.ADDRESS)
    before, text, after = patient.date
    there = epoch_of_http_date(text)
    if there is None:
        return Finding(None, "Not checked, because AEP's answer has no `Date` header.")
    skew = before - there if there < before else min(after - there, 0.0)
    if abs(skew) > LARGEST_SKEW:
        way = "ahead of" if skew > 0 else "behind"
        return Finding(
            False,
            f"This computer's clock is {abs(skew):.0f} s {way} AEP's.",
            "Correct this computer's clock, for example with NTP. If an emulator answers, its clock can be "
            "ahead: see *Use the clock* in docs/emulator.md.",
        )
    return Finding(True, f"This computer's clock and AEP's differ by less than {LARGEST_SKEW:.0f} s.")


def check_sandbox(patient: Examination) -> Finding:
    """The credential sees the sandbox."""
    own = patient.hook.sandbox
    try:
        seen = patient.read("sandboxes")
    except AepError as error:
        return _sandbox_unlisted(patient, patient.fault(error, "Sandbox Management"))
    others = f"The credential sees {', '.join(sorted(seen)) or 'no sandbox'}."
    if own not in seen:
        problem = (
            f"The sandbox (`sandbox`) '{own}' is wrong: it does not exist, or the credential may not see it."
        )
        fix = (
            "Set `sandbox` to one of these, or add the sandbox to the credential's role in AEP's Permissions."
        )
        return Finding(False, f"{problem} {others}", fix)
    if seen[own].lower() not in ("active", ""):
        problem = f"The sandbox (`sandbox`) '{own}' is not active. Its state is {seen[own]}."
        return Finding(
            False, f"{problem} {others}", "Wait until the sandbox is active, or set another `sandbox`."
        )
    return Finding(True, f"The sandbox is '{own}'. {others}")


def _sandbox_unlisted(patient: Examination, unlisted: Fault) -> Finding:
    """Find out from Flow Service whether the sandbox exists, if the list of sandboxes cannot be read."""
    why = f"The list of sandboxes could not be read. {unlisted.detail}"
    try:
        patient.read("flow_service")
    except AepError as error:
        if (fault := patient.fault(error, "Flow Service")).at == SANDBOX:
            return broken(fault)
        return Finding(None, f"Not checked, because no service gave a usable answer. {why}", unlisted.fix)
    return Finding(True, f"The sandbox is '{patient.hook.sandbox}'. {why}")


def check_permissions(patient: Examination) -> Finding:
    """The credential has the permissions that this provider needs. Managing includes viewing."""
    sandbox = patient.hook.sandbox
    try:
        held = patient.read("permissions")
    except AepError as error:
        needed = _listed(PERMISSION_NAMES.values())
        return Finding(
            None,
            "Not checked, because AEP did not tell which permissions the credential has. "
            f"{error.happened} [{error.stable_code}]",
            f"In AEP's Permissions, check that a role of this credential has {needed}.",
        )
    if not held and patient.answers("flow_service"):
        return Finding(None, "Not checked, because AEP names no permission although Flow Service answers.")
    absent = [name for name in PERMISSION_NAMES if name not in held]
    spare = [name for name in absent if name.replace("view-", "manage-") in held]
    patient.missing = [PERMISSION_NAMES[name] for name in absent if name not in spare]
    included = _listed(PERMISSION_NAMES[name] for name in spare)
    note = f" It has no {included} of its own: managing includes viewing." if spare else ""
    if patient.missing:
        named = _listed(patient.missing)
        return Finding(
            False,
            f"The credential lacks {named} in sandbox '{sandbox}'.{note}",
            f"In AEP's Permissions, add {named} to a role of this credential, for sandbox '{sandbox}'.",
        )
    return Finding(True, f"The credential has all permissions that it needs in sandbox '{sandbox}'.{note}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"*{name}*" for name in names)


def check_service(name: str, title: str, kind: type[Any], patient: Examination) -> Finding:
    """A service answers a read."""
    try:
        patient.read(name)
    except AepError as error:
        fault = patient.fault(error, title)
        explained = fault.at in patient.broken
        if fault.at == PERMISSIONS:
            explained = any(f"*{one}*" in kind.permissions for one in patient.missing)
        return not_checked(patient.broken[str(fault.at)]) if explained else broken(fault)
    return Finding(True, f"{title} answers.")


def check_sources(patient: Examination) -> Finding:
    """The platform offers the sources that DAGs of this Airflow name, and those that were asked for."""
    needed, unread = _needed_sources(patient)
    if not needed:
        if unread:
            return Finding(None, f"Not checked.{unread}", _DATABASE)
        return Finding(True, "No DAG of this Airflow names a source.")
    offered, missing, fixes = [], [], []
    for (name, spec_id), dag_ids in needed.items():
        used = f" (DAG {', '.join(dag_ids)})" if dag_ids else ""
        try:
            source = find_source(name) if spec_id is None else choose_source(name, spec_id)
            _check_offered(patient.hook, source)
        except AepError as error:
            missing.append(f"{error.happened} [{error.stable_code}]{used}")
            fixes.append(error.advice or error.todo)
            if isinstance(error, AepTransportError):
                break  # each other source would take as long
        else:
            offered.append(f"{source}{used}")
    if missing:
        return Finding(False, " ".join(missing), " ".join(dict.fromkeys(fixes)))
    return Finding(True, f"The platform offers {', '.join(offered)}.{unread}")


def _needed_sources(patient: Examination) -> tuple[dict[installation.NamedSource, list[str]], str]:
    """Return the sources with the DAGs that name them, and a sentence if the DAGs could not be read."""
    needed: dict[installation.NamedSource, list[str]] = {(name, None): [] for name in patient.sources}
    try:
        named = installation.within(patient.patience, installation.named_sources)
    except Exception as error:  # noqa: BLE001 - the sources that were asked for are checked all the same
        return needed, f" The DAGs of this Airflow were not read, because of {defect(error)}."
    for source, dag_ids in named.items():
        needed.setdefault(source, []).extend(dag_ids)
    return needed, ""


def _check_offered(hook: FlowServiceHook, source: Source) -> None:
    """Check one source. :raises AepError: the platform does not offer the source, or did not answer"""
    spec = hook.find_connection_spec(source.connection_spec_id)
    if spec is None:
        raise withdrawn(source, hook.sandbox)
    check_owner(source, spec)


_DATABASE = (
    "Run the command where Airflow's scheduler runs, with the same configuration: it reads the metadata "
    "database of Airflow."
)


def check_triggerer(patient: Examination) -> Finding:
    """A triggerer is alive, so that a deferred task goes on."""
    try:
        alive, heartbeat = installation.within(patient.patience, installation.triggerer_heartbeat)
    except Exception as error:  # noqa: BLE001 - its text can hold the address of the database
        return Finding(
            None,
            f"Not checked, because Airflow's metadata database could not be read: {defect(error)}.",
            _DATABASE,
        )
    last = f"Its last heartbeat was at {heartbeat:%Y-%m-%d %H:%M:%S} UTC." if heartbeat else ""
    if alive:
        return Finding(True, f"A triggerer is alive. {last}")
    return Finding(
        False,
        f"No triggerer is alive. {last or 'None ever was.'} A deferred task waits for ever.",
        "Start one with `airflow triggerer`, or set `deferrable=False` on tasks that wait.",
    )


def check_versions(_patient: Examination) -> Finding:
    """This provider supports the versions that are installed."""
    try:
        found = installation.versions()
    except PackageNotFoundError as error:
        unknown = error.name == installation.PACKAGE  # its metadata say what it supports
        return Finding(
            None if unknown else False,
            f"The package {error.name} is not installed.",
            f"Install {error.name} with pip.",
        )
    wrong = [
        (name, version, supported)
        for name, version, supported in found
        if not installation.is_within(version, supported)
    ]
    said = ", ".join(f"{name} {version}" for name, version, _ in found)
    if wrong:
        named = ", ".join(f"{name} {version}" for name, version, _ in wrong)
        ranges = ", ".join(f"{name} {supported}" for name, _, supported in wrong)
        return Finding(False, f"Not supported: {named}. Installed: {said}.", f"Install {ranges}.")
    return Finding(True, f"{said}.")


Check = Callable[[Examination], Finding]

_IN_AEP = (diagnosis.CONNECTION, HOST, IMS_HOST, CREDENTIAL, ORGANIZATION, SANDBOX)
_SERVICES = (
    ("flow_service", "Flow Service", FlowServiceHook),
    ("schema_registry", "Schema Registry", SchemaRegistryHook),
    ("catalog", "Catalog", CatalogHook),
    ("data_prep", "Data Prep", DataPrepHook),
    ("data_access", "Data Access", DataAccessHook),
)

CHECKS: tuple[tuple[str, tuple[str, ...], Check], ...] = (
    ("connection", (), check_connection),
    ("address", ("connection",), check_address),
    ("credential", ("connection", IMS_HOST), check_credential),
    ("organization", _IN_AEP[:4], check_organization),
    ("clock", ("connection", HOST), check_clock),
    ("sandbox", _IN_AEP[:5], check_sandbox),
    ("permissions", _IN_AEP, check_permissions),
    *((name, _IN_AEP, partial(check_service, name, title, kind)) for name, title, kind in _SERVICES),
    ("sources", (*_IN_AEP, "flow_service"), check_sources),
    ("triggerer", (), check_triggerer),
    ("versions", (), check_versions),
)
"""The checks in their order, each with the checks that it needs."""
