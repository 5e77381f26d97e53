"""`pip install .`: declared dependencies, extras, the files that are not Python, and no need of Snakemake."""

import ast
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.workflow.chain import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared(lines):
    """Requirements by name, the project's own extras left out."""
    found = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    return {name: requirement for name, requirement in found.items() if name != "cwamsn"}


def closure(extra):
    """Names of what an extra installs, by way of the extras that it names, the plain dependencies included."""
    names = set(declared(PROJECT["dependencies"]))
    for line in PROJECT["optional-dependencies"].get(extra, []):
        requirement = Requirement(line)
        for inner in requirement.extras if requirement.name == "cwamsn" else ():
            names |= closure(inner)
    return names | set(declared(PROJECT["optional-dependencies"].get(extra, [])))


@pytest.fixture(scope="module")
def listed():
    lines = (ROOT / "requirements.in").read_text().splitlines()
    return declared(line for line in lines if line and not line.startswith("#"))


def test_requirements_and_package_metadata_name_the_same_packages(listed):
    assert closure("dev") == set(listed)


def test_every_locked_version_satisfies_the_package_metadata():
    lines = [x for x in (ROOT / "requirements.lock").read_text().splitlines() if x and not x.startswith("#")]
    locked = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in map(Requirement, lines)}
    for extra in ("", *PROJECT["optional-dependencies"]):
        lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
        for name, requirement in declared(lines).items():
            assert requirement.specifier.contains(locked[name]), requirement


def imported(path):
    """Top-level names of what a module imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_the_library_imports_nothing_undeclared():
    distributions = packages_distributions()
    names = {name for path in (ROOT / "cwamsn").rglob("*.py") for name in imported(path)}
    names -= {*sys.stdlib_module_names, "cwamsn"}
    names -= {"triton"}  # comes with torch where torch is built for a GPU, and is imported there alone
    assert names <= set(distributions), "not installed"
    used = {name: {canonicalize_name(x) for x in distributions[name]} for name in names}
    missing = {name for name, packages in used.items() if not packages & closure("workflow")}
    assert not missing


def test_a_plain_install_is_light():
    assert not {"torch", "timm", "snakemake", "rdkit", "efaar-benchmarking"} & closure("")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # Built from a copy: setuptools writes build/ and *.egg-info beside the sources.
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={folder}/source/"], cwd=ROOT, check=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--no-cache-dir"]
    command = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), f"{folder}/source"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_package(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "cwamsn"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert not set(tracked) - inside
    assert "cwamsn/py.typed" in inside
    assert not [name for name in inside if not name.startswith(("cwamsn/", "cwamsn-"))]


def test_the_installed_wheel_scores_without_the_packages_of_the_extras(wheel, tmp_path):
    """No Snakemake, no torch, no HTTP: what only an extra names cannot be imported here."""
    extras = closure("workflow") - closure("")
    absent = [
        name for name, packages in packages_distributions().items() if {canonicalize_name(x) for x in packages} & extras
    ]
    assert {"snakemake", "torch", "requests"} <= set(absent)
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    code = (
        f"import sys; sys.path += {[str(site), sysconfig.get_paths()['purelib']]!r}\n"
        "class Absent:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name in {absent!r}: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent)\n"
        "import cwamsn.alignment, cwamsn.benchmarks, cwamsn.embeddings, cwamsn.reporting; print(cwamsn.__file__)\n"
    )
    # -S hides an editable installation of this repository.
    result = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-1500:]
    assert result.stdout.strip() == str(site / "cwamsn" / "__init__.py")
