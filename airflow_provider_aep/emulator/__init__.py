"""A local Adobe Experience Platform, faithful to Adobe's published documents.

It shares no code with the provider: a fake that shares the client's code shares its mistakes.
`docs/emulator.md` says what is documented, what is a switch, and what the default is.
"""

from __future__ import annotations
