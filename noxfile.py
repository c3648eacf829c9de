"""Test the provider on every supported Airflow and Python: `make test-matrix`, or `nox -l` for the list.

The session `release` checks what a release would publish: `make release-check`.

Each session installs the built wheel, then runs the tests of the unpacked source distribution. The package is
removed from that tree, so the tests import only the package that a user would install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.16"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True  # a session that did not run has not passed

# As in scripts/venv: uv downloads no interpreter, and trusts the system's certificates.
os.environ |= {"UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "true"}

ROOT = Path(__file__).parent
_temporary = tempfile.TemporaryDirectory(prefix="nox-built-")
BUILT = Path(_temporary.name)
DIST = ROOT / "dist"
TREE = BUILT / "tree"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
RELEASES = {
    "3.1.8": ("apache-airflow==3.1.8", "--exclude-newer", "2026-03-20"),
    "3.2.2": ("apache-airflow==3.2.2", "--exclude-newer", "2026-06-10"),
    "3.3": ("-c", "constraints/{python}.txt"),
}
"""The options of uv for each Airflow. An old Airflow gets the versions that existed at its release: it sets
few upper bounds, and does not start with the newest versions of everything."""
LOWEST = ("--resolution", "lowest-direct", "-r", "pyproject.toml", "--exclude-newer", "2025-10-01")
"""The lowest declared versions, and all other packages as of a week after the release of Airflow 3.1.0."""
TESTS = (
    "tests/unit",
    "tests/emulator",
    "tests/e2e/test_assets.py",
    "tests/e2e/test_doctor.py",
    "tests/e2e/test_imports.py",
    "tests/e2e/test_page.py",
    "tests/e2e/test_watching.py",
    "tests/nightly/test_real_cancels.py",
)
"""The layers, and those tests of a real Airflow whose result depends on Airflow's version."""
CALLERS_SETTINGS = ("AIRFLOW_", "_AIRFLOW_", "PYTHONPATH", "PYTHONHOME")


@nox.session(python=PYTHONS)
@nox.parametrize("release", [nox.param(name, id=name, tags=[name]) for name in RELEASES])
def tests(session: nox.Session, release: str) -> None:
    """Test on one version of Airflow and Python."""
    run_tests(session, *(option.format(python=session.python) for option in RELEASES[release]))


# Old versions have wheels for the oldest Python.
@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Test with the lowest versions that pyproject.toml declares."""
    run_tests(session, *LOWEST)


@nox.session(python=PYTHONS[-1])
def newest(session: nox.Session) -> None:
    """Test with the newest versions of everything."""
    run_tests(session)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build into `dist/`, check the metadata, and use the wheel in a bare Airflow."""
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("uv", "build", "--quiet", "--out-dir", DIST, external=True)
    [wheel], [archive] = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    # twine renders the long description, as a package index does.
    session.run("uv", "tool", "run", "twine", "check", "--strict", wheel, archive, external=True)
    constraints = ROOT / "constraints" / "{}.{}.txt".format(*sys.version_info)
    session.install("-c", constraints, wheel)
    session.run("uv", "pip", "check")
    # Away from the checkout, and from another Airflow's home and settings.
    session.chdir(BUILT)
    caller = {name: None for name in os.environ if name.startswith(CALLERS_SETTINGS)}
    own = {**caller, "AIRFLOW_HOME": str(BUILT / "airflow")}
    session.run("airflow", "providers", "get", "airflow-provider-aep", env=own)
    session.run("python", "-m", "airflow_provider_aep", "sources", "paypal", env=own)


def run_tests(session: nox.Session, *options: str) -> None:
    """Install the wheel as a user would, add the tests' packages, and run `session.posargs` or all tests."""
    wheel = build()
    # With `nox -r` the environment can have an older wheel of the same version.
    session.install("--reinstall-package", "airflow-provider-aep", *options, wheel)
    # uv keeps each installed version that satisfies the requirements.
    session.install(*(one for one in options if not one.startswith("apache-airflow")), f"{wheel}[test]")
    session.run("uv", "pip", "check")
    session.run("uv", "pip", "list")
    session.chdir(TREE)
    selection = ("-m", "not nightly or matrix", "-n", "3", "--dist", "loadfile")
    caller = {name: None for name in os.environ if name.startswith(CALLERS_SETTINGS)}
    session.run("python", "-m", "pytest", *selection, *(session.posargs or TESTS), env=caller)


@cache
def build() -> str:
    """Build wheel and source distribution, unpack the latter, and return the path of the wheel."""
    subprocess.run([sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", BUILT], cwd=ROOT, check=True)
    [archive], [wheel] = BUILT.glob("*.tar.gz"), BUILT.glob("*.whl")
    with tarfile.open(archive) as packed:
        packed.extractall(BUILT, filter="data")
    (BUILT / archive.name.removesuffix(".tar.gz")).rename(TREE)
    shutil.rmtree(TREE / "airflow_provider_aep")
    return str(wheel)
