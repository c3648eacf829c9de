"""Runs stored triggers as a triggerer does, in a process that can be killed: one line for each event."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any


async def _run(stored: list[dict[str, Any]], out: Path) -> None:
    from airflow_provider_aep.flow_runs import schedule
    from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

    schedule.SHORTEST, schedule.LONGEST = 0.1, 0.5

    async def one(kwargs: dict[str, Any]) -> None:
        async for event in FlowRunTrigger(**kwargs).run():
            with out.open("a") as file:
                file.write(json.dumps({**event.payload, "at": time.time()}) + "\n")

    await asyncio.gather(*(one(kwargs) for kwargs in stored))


if __name__ == "__main__":
    asyncio.run(_run(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))
