"""What a DAG author writes. Operators are thin: check, call a hook, keep the id, hand it on."""

from __future__ import annotations
