"""Each rule names an environment file; the files pin versions that agree with the pip lock."""

import re

import pytest
import yaml

CONDA_TO_PIP = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "py-rattler": "py-rattler",
    "matplotlib-base": "matplotlib",
    "python-blosc2": "blosc2",
    "python-duckdb": "duckdb",
}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def lock(root):
    lines = re.sub(r" ;.*", "", (root / "requirements.lock").read_text()).splitlines()
    return {normal(x.split("==")[0]): x.split("==")[1] for x in lines if "==" in x}


def environment_files(root):
    return sorted((root / "envs").glob("*.yaml"))


def test_lock_holds_every_direct_dependency(root, lock):
    for line in (root / "requirements.in").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, version = re.sub(r"[;<].*", "", line).partition("==")
            assert normal(name) in lock, f"{name} is not in the lock"
            assert not version or lock[normal(name)] == version


def test_environments_pin_what_the_lock_pins(root, lock):
    files = environment_files(root)
    assert len(files) >= 7
    for path in files:
        content = yaml.safe_load(path.read_text())
        assert content["channels"] == ["conda-forge", "nodefaults"], path.name
        for entry in content["dependencies"]:
            pins = entry["pip"] if isinstance(entry, dict) else [entry]
            for pin in pins:
                name, version = re.split(r"=+", pin.strip(), maxsplit=1)
                name = CONDA_TO_PIP.get(name, name)
                if name in ("python", "pip", "openslide"):
                    continue
                assert lock.get(normal(name)) == version, f"{path.name}: {pin} differs from the lock"


def test_every_rule_names_environment_log_threads_and_resources(root):
    for path in sorted((root / "rules").glob("*.smk")):
        for block in re.split(r"(?m)^(?=rule |checkpoint )", path.read_text())[1:]:
            name = block.split(":", 1)[0]
            if "script:" not in block and "shell:" not in block:
                continue
            for directive in ("conda:", "log:", "threads:", "resources:"):
                assert directive in block, f"{path.name}: {name} lacks {directive}"
            environment = re.search(r'conda:\s*"\.\./envs/([\w.-]+)"', block)
            assert environment, f"{path.name}: {name}: conda: must name a file of envs/"
            assert (root / "envs" / environment.group(1)).exists(), f"{path.name}: {name}: no such environment"
            assert re.search(r"mem_mb", block) and re.search(r"runtime", block), f"{path.name}: {name} lacks resources"
