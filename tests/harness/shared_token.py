"""A directory of its own for a test whose processes share an access token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet


class SharedTokens:
    """The settings of processes that share tokens, and the files that they leave.

    :param set_one: sets a variable of this process's environment
    """

    def __init__(self, directory: Path, set_one: Callable[[str, str], None]) -> None:
        self.directory, self._set = directory, set_one
        self.settings = {
            "AIRFLOW__AEP__TOKEN_CACHE": "True",
            "AIRFLOW__AEP__SHARED_DIR": str(directory),
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        }
        for name, value in self.settings.items():
            set_one(name, value)

    def set(self, name: str, value: str) -> None:
        """Set one of the settings."""
        assert name in self.settings
        self._set(name, value)

    @property
    def files(self) -> list[Path]:
        """The files of tokens."""
        return [one for one in self.directory.glob("token-*") if one.suffix != ".lock"]

    @property
    def file(self) -> Path:
        """The only file of a token."""
        [file] = self.files
        return file

    @staticmethod
    def as_another_process() -> None:
        """Forget the tokens of this process."""
        from airflow_provider_aep.hooks.ims import TOKENS

        TOKENS.clear()


@pytest.fixture
def shared_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedTokens:
    """Let the processes of this test share tokens, with each other only."""
    from airflow_provider_aep.hooks import shared_files

    shared_files._warn_once.cache_clear()
    return SharedTokens(tmp_path / "shared", monkeypatch.setenv)
