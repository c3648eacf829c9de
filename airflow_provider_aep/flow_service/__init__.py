"""The language of Flow Service: calls to build, replies to read, errors, retries, states, sources.

Pure: no Airflow, no network, no clock. The hooks speak HTTP; what they say and how they understand the
answer is decided here, once for the blocking and the asynchronous side.
"""

from __future__ import annotations
