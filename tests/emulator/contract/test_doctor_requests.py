"""Every request of `doctor` conforms to Adobe's documents."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.operations.doctor import examine
from tests.harness.contract import openapi
from tests.harness.contract.recording import check


def test_every_request_of_doctor_keeps_to_the_openapi(hook: Any, sent: list[Any]) -> None:
    """One has no credentials, so that it is refused. Another asks for a batch that does not exist."""
    examine("aep_default", sources=["paypal"])
    bare, unknown = (reply for reply in sent if reply.status_code >= 400)
    assert "authorization" not in {name.lower() for name in bare.request.headers}
    openapi.check_response(unknown)
    assert check([reply for reply in sent if reply.status_code < 400]) == [
        "GET /sandbox-management",
        "POST /acl/effective-policies",
        "GET /connections",
        "GET /{}/schemas",
        "GET /dataSets",
        "GET /mappingSets",
        "GET /connectionSpecs/{}",
    ]
    assert openapi.operation_of(unknown) == "GET /batches/{}/files"
