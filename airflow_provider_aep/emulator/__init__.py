"""A local Adobe Experience Platform, faithful to Adobe's published documents.

It imports nothing of the provider: an emulator that shares the client's code shares its mistakes.
`docs/emulator.md` lists what is documented, which questions are switches, and their defaults.
"""

from __future__ import annotations
