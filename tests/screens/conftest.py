"""Fixtures of this stage's tests: a loopback host, and one call that does what the workflow does with a screen."""

from pathlib import Path

import pandas as pd
import pytest

from cwamsn import screens, tables
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import parse_spec

from .loopback import Loopback


class Run:
    """Wells and fetched units of one screen, as the rules make them."""

    def __init__(self, folder: Path, spec: dict) -> None:
        self.folder, self.spec, self.screen = folder, spec, ScreenPaths(folder)

    def wells(self) -> pd.DataFrame:
        screens.write_wells(self.screen, parse_spec(self.spec), self.folder / "cache")
        return tables.read("wells", self.screen.wells).set_index("well_id")

    def fetch(self, name: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """(fields, skipped, manifest)"""
        unit = self.screen.unit(name)
        screens.fetch_unit(unit, parse_spec(self.spec), self.folder / "cache")
        fields = tables.read("fields", unit.fields).set_index("field_id")
        return fields, pd.read_parquet(unit.skipped), pd.read_parquet(unit.raw / "manifest.parquet")


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
