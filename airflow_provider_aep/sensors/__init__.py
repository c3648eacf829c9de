"""What a DAG author waits with."""

from __future__ import annotations
