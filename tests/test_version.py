"""Versions of a run: what changes them and what does not."""

import subprocess

from cwamsn.version import code_version, config_digest, run_version, version_lines

CONFIG = {"run": "test", "title": "A test", "seeds": [0], "methods": ["a"], "paths": {"data": "d"}, "evaluate": {}}
CODE = {"commit": "0123456789abcdef", "clean": True, "version": "0.1.0"}


def test_the_version_changes_with_configuration_data_and_code_and_not_with_paths():
    data = {"screen": "1" * 64}
    first = run_version(config_digest(CONFIG), data, CODE)
    assert run_version(config_digest(CONFIG | {"paths": {"data": "elsewhere"}}), data, CODE) == first
    assert run_version(config_digest(CONFIG | {"seeds": [1]}), data, CODE) != first
    assert run_version(config_digest(CONFIG), {"screen": "2" * 64}, CODE) != first
    assert run_version(config_digest(CONFIG), data, CODE | {"commit": "f"}) != first
    assert run_version(config_digest(CONFIG), data, CODE | {"clean": False}) == f"{first}-dirty"
    (line,) = version_lines(config_digest(CONFIG), data, CODE | {"clean": False})
    assert "0123456789ab with uncommitted changes" in line and "screen 111111111111" in line


def test_code_version_sees_commit_and_changes(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-m", "a")
    clean = code_version(tmp_path)
    assert len(clean["commit"]) == 40 and clean["clean"] is True
    (tmp_path / "a").write_text("2")
    assert code_version(tmp_path) == clean | {"clean": False}
    (tmp_path / "empty").mkdir()
    assert code_version("/nonexistent")["commit"] is None
