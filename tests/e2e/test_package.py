"""Build the package from the checkout, inspect it, and use it from where it is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from airflow_provider_aep import __version__
from tests.harness.emulator import Emulator

ROOT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_aep"
FOLDERS = (PACKAGE, "benchmarks", "constraints", "dags", "docs", "scripts", "tests")
FILES = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "compose.yaml",
    "noxfile.py",
    "pyproject.toml",
}
DIST_INFO = f"{PACKAGE}-{__version__}.dist-info"
ASK = """
import json, airflow_provider_aep
from importlib.metadata import distribution
found = distribution("airflow-provider-aep")
[entry] = found.entry_points.select(group="apache_airflow_provider")
print(json.dumps({"file": airflow_provider_aep.__file__, "version": found.version, "info": entry.load()()}))
"""

pytestmark = pytest.mark.skipif(
    not (ROOT / PACKAGE).is_dir(), reason="the package is installed elsewhere: there is nothing to build"
)


@dataclass
class Built:
    """What both archives hold, by name, and the wheel's metadata."""

    wheel: Path
    in_wheel: set[str]
    in_sdist: set[str]
    metadata: Message


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """As a publisher builds: the source distribution from the checkout, the wheel from the former."""
    directory = tmp_path_factory.mktemp("dist")
    build(ROOT, "sdist", directory)
    [archive] = directory.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(directory, filter="data")
        in_sdist = {one.name.split("/", 1)[1] for one in packed.getmembers() if one.isfile()}
    build(directory / archive.name.removesuffix(".tar.gz"), "wheel", directory)
    [wheel] = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed_wheel:
        metadata = Parser().parsestr(packed_wheel.read(f"{DIST_INFO}/METADATA").decode())
        return Built(wheel, set(packed_wheel.namelist()), in_sdist, metadata)


def build(source: Path, target: str, directory: Path) -> None:
    """By the tool that pyproject.toml names, as it is installed: nothing is fetched."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(directory)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)


def files_of(folder: str) -> set[str]:
    """Return the files in a folder of the checkout, except what Python left there."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_package_alone(built: Built) -> None:
    """Its modules, the emulator's data and `py.typed`; no tests, no scripts. The licence lies beside."""
    info = {f"{DIST_INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    assert built.in_wheel == files_of(PACKAGE) | info | {f"{DIST_INFO}/licenses/LICENSE"}
    assert f"{PACKAGE}/py.typed" in built.in_wheel
    assert f"{PACKAGE}/emulator/data/sources.json" in built.in_wheel


def test_the_source_distribution_holds_what_make_needs(built: Built) -> None:
    """And nothing of environments, caches and results that lie in the checkout."""
    expected = set().union(*map(files_of, FOLDERS)) | FILES
    assert built.in_sdist - {".gitignore", "PKG-INFO"} == expected


def test_the_metadata_says_what_is_promised(built: Built) -> None:
    """Few dependencies, all of which an Airflow that speaks HTTP has anyway; and the licence."""
    needed = [line for line in built.metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    airflow = ["apache-airflow-providers-http>=5.3", "apache-airflow>=3.1"]
    assert needed == [*airflow, "jsonschema>=4.19.1", "requests>=2.32", "rich>=13.6"]
    assert built.metadata["Name"] == "airflow-provider-aep"
    assert built.metadata["Version"] == __version__
    assert built.metadata["Requires-Python"] == "<3.14,>=3.10"
    assert built.metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in built.metadata.get_all("Classifier", [])


def test_it_works_from_where_it_is_installed(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow finds it, and the emulator its data, in an environment that knows nothing of the checkout."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    python = install(built.wheel, tmp_path / "environment")
    done = subprocess.run([python, "-c", ASK], cwd=tmp_path, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert Path(told["file"]).is_relative_to(tmp_path)
    assert (told["info"]["package-name"], told["version"]) == ("airflow-provider-aep", __version__)
    monkeypatch.setenv("EMULATOR_PYTHON", str(python))
    with Emulator(directory=tmp_path) as emulator:
        assert emulator.api().create().status_code == 201


def install(wheel: Path, directory: Path) -> Path:
    """The interpreter of a new environment with the wheel, which finds the dependencies where this one does.

    A wheel of pure Python is installed by unpacking it. The checkout that this environment has as editable is
    not found: it is in a `.pth` file, and Python does not read those of a folder named by another.
    """
    venv.create(directory, with_pip=False, symlinks=True)
    [site] = (directory / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return directory / "bin" / "python"
