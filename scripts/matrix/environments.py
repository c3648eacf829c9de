"""One environment a combination, with the wheel in it, and the tests beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.matrix.combinations import Combination
from scripts.processes import LocalError, tail

PACKAGE = "airflow_provider_aep"
SHOWN = ("apache-airflow", "apache-airflow-providers-http", "requests")
"""What this provider declares: the versions that a row of the table names."""

_VERSIONS = """
import json, platform, sys
from importlib.metadata import version
print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))
"""


@dataclass(frozen=True)
class Workshop:
    """Where the environments lie. What runs in them is what a user installs: nothing of the checkout."""

    root: Path
    directory: Path

    @property
    def tree(self) -> Path:
        """The source distribution without the package: the tests find only the one that is installed."""
        return self.directory / "tree"

    def log(self, combination: Combination) -> Path:
        """What was said while it was made and tested."""
        return self.directory / "logs" / f"{combination.name}.log"

    def python(self, combination: Combination) -> Path:
        """Its interpreter."""
        return self.directory / combination.name / "bin" / "python"

    def build(self) -> None:
        """Make wheel and source distribution, and unpack the latter."""
        shutil.rmtree(self.directory / "dist", ignore_errors=True)
        shutil.rmtree(self.tree, ignore_errors=True)
        log = self.directory / "logs" / "build.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        self._uv(log, "build", "--quiet", "--out-dir", str(self.directory / "dist"))
        [archive] = (self.directory / "dist").glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(self.directory, filter="data")
        (self.directory / archive.name.removesuffix(".tar.gz")).rename(self.tree)
        shutil.rmtree(self.tree / PACKAGE)

    def install(self, combination: Combination, interpreter: str) -> dict[str, str]:
        """Make its environment, as a user would and then with the tools that tests need; its versions."""
        log, directory = self.log(combination), self.directory / combination.name
        log.write_bytes(b"")
        python, release = str(self.python(combination)), combination.release
        options = [option.format(python=combination.python) for option in release.options]
        install = ["pip", "install", "--python", python, *options]
        [wheel] = (self.directory / "dist").glob("*.whl")
        self._uv(log, "venv", "--clear", "--no-project", "--python", interpreter, str(directory))
        self._uv(log, *install, *release.packages, str(wheel))
        self._uv(log, *install, f"{wheel}[dev]")  # adds what is missing; what is there stays as it is
        self._uv(log, "pip", "check", "--python", python)
        done = subprocess.run([python, "-c", _VERSIONS, *SHOWN], capture_output=True, text=True, check=True)
        versions: dict[str, str] = json.loads(done.stdout)
        return versions

    def _uv(self, log: Path, *arguments: str) -> None:
        with log.open("ab") as output:
            done = subprocess.run(
                [_find_uv(self.root), *arguments],
                cwd=self.root,
                env=_uv_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            raise LocalError(f"`uv {' '.join(arguments[:2])}` ended with {done.returncode}.\n{tail(log)}")


def _find_uv(root: Path) -> str:
    """On the path, or where `scripts/venv` put it."""
    own = root / ".venv-uv" / "bin" / "uv"
    if found := shutil.which("uv") or (str(own) if own.exists() else None):
        return found
    raise LocalError("uv is not there: `pip install uv`.")


def _uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """As in `scripts/venv`: interpreters are found, never fetched; the system's certificates are trusted."""
    kept = {name: value for name, value in environment.items() if name != "VIRTUAL_ENV"}
    return {**kept, "UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "true"}
