"""`make env`: which machines the lock fits, what a build without CUDA leaves out, and a lock for every machine."""

import importlib.util
import re
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

MACHINES = {
    "linux-x86_64": {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"},
    "linux-arm64": {"sys_platform": "linux", "platform_machine": "aarch64", "platform_system": "Linux"},
    "macos-arm64": {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin"},
}


@pytest.fixture(scope="module")
def install(root):
    spec = importlib.util.spec_from_file_location("install", root / "envs" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lock(root):
    return (root / "requirements.lock").read_text()


def taken(lock, machine, python):
    """Names that pip installs of the lock there."""
    where = MACHINES[machine] | {"python_version": python, "python_full_version": f"{python}.1"}
    pins = [Requirement(line) for line in lock.splitlines() if line and not line.startswith("#")]
    return {pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(where)}


@pytest.mark.parametrize("python", [(3, 11), (3, 12), (3, 13)])
@pytest.mark.parametrize(
    "place", [("Linux", "x86_64", "glibc"), ("Linux", "aarch64", "glibc"), ("Darwin", "arm64", "")]
)
def test_the_lock_fits_these_machines(install, python, place):
    assert install.refusal(python, "CPython", *place) is None


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (((3, 9), "CPython", "Linux", "x86_64", "glibc"), "this is CPython 3.9 on Linux x86_64"),
        (((3, 14), "CPython", "Linux", "x86_64", "glibc"), "this is CPython 3.14 on Linux x86_64"),
        (((3, 11), "PyPy", "Linux", "x86_64", "glibc"), "this is PyPy 3.11 on Linux x86_64"),
        (((3, 11), "CPython", "Darwin", "x86_64", ""), "this is CPython 3.11 on Darwin x86_64"),
        (((3, 11), "CPython", "Windows", "AMD64", ""), "this is CPython 3.11 on Windows AMD64"),
        (((3, 11), "CPython", "Linux", "x86_64", ""), "this is CPython 3.11 on Linux x86_64 without glibc"),
    ],
)
def test_another_machine_is_refused_in_one_line_that_says_what_to_do(install, machine, words):
    line = install.refusal(*machine)
    assert words in line and "make env PYTHON=python3.11" in line and "\n" not in line


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_machine_takes_the_same_packages_but_for_cuda(lock, python, install):
    linux, arm, mac = (taken(lock, machine, python) for machine in MACHINES)
    assert {name for name in linux - mac if not install.CUDA.match(f"{name}==")} <= {"greenlet"}
    assert linux == arm and mac <= linux
    assert {"torch", "numpy", "snakemake", "setuptools"} <= mac
    assert not {"colorama", "pyreadline3"} & linux, "packages of Windows"


def test_the_lock_names_no_host_and_pins_every_line(lock):
    lines = [line for line in lock.splitlines() if not line.startswith("#")]
    assert all(re.match(r"[a-z0-9.-]+==[^\s;]+( ; .*)?$", line) for line in lines)
    assert "://" not in lock and "--" not in re.sub(r"(?m)^#.*$", "", lock)


def test_the_default_build_is_the_lock(install, lock):
    assert install.requirements(lock, "default", "Linux") == lock


def test_a_build_for_the_cpu_leaves_out_cuda_and_marks_torch(install, lock):
    text = install.requirements(lock, "cpu", "Linux")
    names = {re.split("==", line)[0]: line for line in text.splitlines() if "==" in line}
    assert not [name for name in names if name.startswith(("nvidia-", "cuda-")) or name == "triton"]
    version = re.search(r"(?m)^torch==(\S+)$", lock).group(1)
    assert names["torch"] == f"torch=={version}+cpu" and names["torchvision"].endswith("+cpu")
    assert "+cpu" not in names["torchmetrics"]
    left_out = [line for line in lock.splitlines() if "==" in line and line.split("==")[0] not in names]
    assert 15 <= len(left_out) <= 25


def test_a_mac_has_no_other_build(install, lock):
    assert "+cpu" not in install.requirements(lock, "cpu", "Darwin")


@pytest.mark.parametrize(
    ("build", "system", "least"), [("default", "Linux", 9), ("cpu", "Linux", 4), ("default", "Darwin", 4)]
)
def test_a_disk_with_too_little_room_is_refused_in_one_line_before_anything_is_installed(install, build, system, least):
    assert install.too_full(least * 10**9, build, system, ".venv") is None
    line = install.too_full(least * 10**9 - 1, build, system, ".venv")
    assert line.startswith(f".venv takes about {least} GB and its disk has {least:.1f} GB left") and "\n" not in line
    assert ("TORCH=cpu" in line) is (least == 9), "a build without CUDA is offered where there is one"


def test_room_is_looked_for_where_a_link_leads(install, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(install.shutil, "disk_usage", lambda place: asked.append(place) or SimpleNamespace(free=1))
    (tmp_path / "scratch").mkdir()
    (tmp_path / ".venv").symlink_to(tmp_path / "scratch" / "new")
    assert install.free_beside(tmp_path / ".venv") == 1
    assert asked == [tmp_path / "scratch"]
