"""Connect a list of sources to Adobe Experience Platform with one mapped operator.

Each source of the list is connected and tested separately. A source that fails does not stop the others. At
the end the log has a table of the sources and their connections. The run fails if a source has no connection
that works.

The list in the form needs these Airflow connections. For any other source,
`python -m airflow_provider_aep sources NAME` prints the command:

```
airflow connections add paypal_default --conn-type paypal --conn-login CLIENT_ID --conn-password CLIENT_SECRET --conn-host api.paypal.com
airflow connections add square_default --conn-type generic --conn-login YOUR_clientId --conn-password YOUR_clientSecret --conn-host YOUR_host --conn-extra '{"accessToken": "YOUR_accessToken", "refreshToken": "YOUR_refreshToken"}'
airflow connections add postgresql_default --conn-type postgres --conn-login YOUR_LOGIN --conn-password YOUR_PASSWORD --conn-host YOUR_HOST --conn-schema YOUR_SCHEMA
airflow connections add amazon_s3_default --conn-type aws --conn-login YOUR_s3AccessKey --conn-password YOUR_s3SecretKey
```

With the emulator you can run these commands unchanged, except for PayPal: set `emulator-paypal-id` and
`emulator-paypal-secret`.
"""  # noqa: E501 - commands to copy

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_aep.operators.connections import CreateBaseConnectionOperator, TestConnectionOperator

log = logging.getLogger(__name__)

TEXT = {"type": "string", "minLength": 1}

with DAG(
    dag_id="many_sources",
    dag_display_name="many_sources: connect a list of sources",
    description="Connect a list of sources to Adobe Experience Platform and test each",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    tags=["aep"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "aep_conn_id": "{{ params.aep_conn_id }}",
        "sandbox": "{{ params.sandbox }}",
    },
    params={
        "sources": Param(
            [
                {"source": "paypal", "source_conn_id": "paypal_default", "name": "PayPal connection"},
                {"source": "square", "source_conn_id": "square_default", "name": "Square connection"},
                {"source": "postgresql", "source_conn_id": "postgresql_default", "name": "Shop database"},
                {"source": "amazon-s3", "source_conn_id": "amazon_s3_default", "name": "Shop files"},
            ],
            type="array",
            minItems=1,
            items={
                "type": "object",
                "properties": {
                    "source": TEXT,
                    "source_conn_id": TEXT,
                    "name": {**TEXT, "maxLength": 255},
                    "auth_spec": TEXT,
                    "auth_params": {"type": "object"},
                },
                "required": ["source", "source_conn_id", "name"],
                "additionalProperties": False,
            },
            title="Sources",
            description="For each: the source, the Airflow connection with its credentials, and the name of "
            "the connection in AEP. Add auth_spec and auth_params if the source needs them.",
        ),
        "aep_conn_id": Param(
            "aep_default",
            type="string",
            minLength=1,
            title="AEP connection",
            description="The Airflow connection of type Adobe Experience Platform.",
        ),
        "sandbox": Param(
            None,
            type=["null", "string"],
            title="Sandbox",
            description="The AEP sandbox's name. Empty: the one of the AEP connection.",
        ),
    },
):

    @task
    def list_sources(params: dict) -> list[dict[str, Any]]:
        """Return the list of the form, for mapped tasks."""
        return params["sources"]

    create_connection = CreateBaseConnectionOperator.partial(task_id="create_connection").expand_kwargs(
        list_sources()
    )
    test_connection = TestConnectionOperator.partial(
        task_id="test_connection",
        trigger_rule="all_done",  # test each connection, also if others failed
    ).expand(connection_id=create_connection.output)

    @task(trigger_rule="all_done", retries=0)
    def summary(params: dict, ti: Any) -> None:
        """Log a table of the sources and their connections, and fail if a source has none that works."""
        sources = params["sources"]
        made = ti.xcom_pull(task_ids="create_connection", map_indexes=range(len(sources)))
        count = len(made) - made.count(None)
        tested = iter(ti.xcom_pull(task_ids="test_connection", map_indexes=range(count)))
        states = ["not made" if one is None else "works" if next(tested) else "does not work" for one in made]
        lines = [
            f"{source['source']:<20} | {one or '':<36} | {state:<13} | {source['name']}"
            for source, one, state in zip(sources, made, states, strict=True)
        ]
        head = f"{'source':<20} | {'connection':<36} | {'state':<13} | name"
        log.info("\n%s\n%s\n%s", head, "-" * len(head), "\n".join(lines))
        if failed := len(states) - states.count("works"):
            raise RuntimeError(f"{failed} of {len(states)} sources have no connection that works.")

    [create_connection, test_connection] >> summary()
