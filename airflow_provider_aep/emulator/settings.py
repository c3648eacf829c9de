"""The emulator's accounts, and the switches for questions that no document answers."""

from __future__ import annotations

from dataclasses import dataclass


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set, so that long lists of names stay readable."""
    return frozenset(text.split())


CLIENT_ID = "emulator-client-id"
CLIENT_SECRET = "emulator-client-secret"  # noqa: S105 - published: it is valid for the emulator only
ORG_ID = "0123456789ABCDEF01234567@AdobeOrg"
TENANT_ID = "emulator"  # custom XDM fields are under `_emulator`
PAYPAL_SPEC = "221c7626-58f6-4eec-8ee2-042b0226f03b"
PAYPAL_ID = "emulator-paypal-id"
PAYPAL_SECRET = "emulator-paypal-secret"  # noqa: S105 - published likewise
ENDPOINT = "inlet"  # codespell:ignore - the key of a streaming endpoint in data and state files
KNOWN_SECRETS = (CLIENT_SECRET, PAYPAL_SECRET)

# The journal's registration, as if it had been made in Adobe's Developer Console.
REGISTRATION = {
    "org": "100001",
    "credential": "200002",
    "registration": "6f0d4f3e-5b1c-4a8e-9d27-3c1f5e8a7b40",
}

# The scopes of Adobe's getting-started credential for the Platform APIs.
SCOPES = frozenset(
    ("openid", "session", "AdobeID", "read_organizations", "additional_info.projectedProductContext")
)
TOKEN_SECONDS = 86399  # as in Adobe's server-to-server sample

SANDBOXES = {
    "prod": "3f1c0d52-7a64-4d0e-9c0b-5f2f5a8f1a01",
    "dev": "8b0a6f1e-2d3c-4a57-8e9d-6c7b1f0e2a02",
}


@dataclass(frozen=True)
class Settings:
    """The options of the command line, with its defaults."""

    cloud: str = "azure"
    validate_on_create: str = "off"
    failed_test: str = "result"
    delete_in_use: str = "refuse"
    shown_secrets: str = "omit"
    drafts: str = "on"
    flow_states: str = "immediate"
    run_reply: str = "both"
    partial_diagnostics: str = "separate"
    failed_batch_files: str = "diagnostics"
    file_links: str = "own"
    effective_policies: str = "answer"
    delete_missing_dataset: str = "not-found"
    failed_run_end: str = "shown"
    get_several_datasets: str = "omit"
    journal_envelope: str = "plain"
    journal_delivery: str = "exact"
    journal_sandboxes: str = "all"
    withdrawn: frozenset[str] = frozenset()  # ids of connection specs
    initializing_seconds: float = 0.5
    list_lag: float = 0.0  # seconds from a creation until lists show it
    error_file_records: int = 100  # failed records in a file of error diagnostics
