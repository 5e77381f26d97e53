"""Fixtures of this stage's tests: a loopback host, and one call that does what the workflow does with a screen."""

from pathlib import Path

import pandas as pd
import pytest

from cwamsn import screens, tables

from .loopback import Loopback


class Run:
    """Wells and fetched parts of one screen, as the rules make them."""

    def __init__(self, folder: Path, spec: dict) -> None:
        self.folder, self.spec = folder, spec

    def wells(self) -> pd.DataFrame:
        path = self.folder / "wells.parquet"
        screens.write_wells("s", self.spec, self.folder / "cache", path, self.folder / "source.json")
        return tables.read("wells", path).set_index("well_id")

    def fetch(self, part: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """(fields, skipped, manifest)"""
        raw, fields = self.folder / "raw" / part, self.folder / "fields" / f"{part}.parquet"
        screens.fetch_unit("s", self.spec, part, self.folder / "wells.parquet", self.folder / "cache", raw, fields)
        skipped = pd.read_parquet(fields.with_name(f"{part}.skipped.parquet"))
        return tables.read("fields", fields).set_index("field_id"), skipped, pd.read_parquet(raw / "manifest.parquet")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run(spec)` is a :class:`Run` in a working directory of its own."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return lambda spec: Run(Path("data/s"), spec)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A server of the folder `host`, on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "host").mkdir()
    server = Loopback(tmp_path / "host")
    yield server
    server.close()
