"""The source objects of the emulated sources: tables, files and REST resources."""

from __future__ import annotations
