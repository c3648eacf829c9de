"""Schema Registry: XDM classes, field groups and schemas."""

from __future__ import annotations
