"""`/_emulator/fleet`: many dataflows at once, with runs of the last hours."""

from __future__ import annotations
