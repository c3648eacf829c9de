"""The data behind the emulated sources."""

from __future__ import annotations
