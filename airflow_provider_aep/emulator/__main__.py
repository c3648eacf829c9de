"""`python -m airflow_provider_aep.emulator`."""

from __future__ import annotations

import sys

from airflow_provider_aep.emulator.cli import main

sys.exit(main())
