"""Plans of small configurations, for tests that need no Snakemake."""

from pathlib import Path
from typing import Any

from cwamsn.config import load_schema, resolve
from cwamsn.needs import Needs
from cwamsn.plan import Plan
from cwamsn.report_needs import ReportNeeds

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = load_schema(ROOT / "config" / "schemas")
SCREENS = {"t": {"source": "simulated-bray"}, "e": {"source": "simulated-rxrx3-core"}}
ALL = ["gene_gene", "compound_gene", "plate_probe"]


def plan_of(methods: dict[str, dict[str, Any]], **changes: Any) -> Plan:
    """Plan of run `r` with these methods, trained on screen t and evaluated on e unless `changes` says otherwise.

    methods : entries by name, of kind trained unless they say otherwise; those of kind wells and map are files.
    """
    entries = {name: {"kind": "trained"} | entry for name, entry in methods.items()}
    files = {name: entry for name, entry in entries.items() if entry["kind"] in ("wells", "map")}
    config = {
        "run": "r",
        "paths": {"data": "d", "results": "."},
        "screens": SCREENS,
        "training_screen": "t",
        "evaluate": {"e": ALL},
        "methods": list(methods),
        "definitions": {name: entry for name, entry in entries.items() if name not in files},
        "embeddings": files,
    }
    config = resolve(config | changes, SCHEMA)
    return Plan(config | {"title": config["title"] or config["run"]}, ROOT)


def reporting_of(plan: Plan) -> ReportNeeds:
    """What the products of a plan need."""
    return ReportNeeds(Needs(plan))


RANDOM = {"kind": "random", "tables": [1, 2, 3, 4, 8]}
DEMO = {"random": RANDOM, "single-well-msn": {"tables": [1, 2, 3, 8]}, "cwa-msn": {"tables": list(range(1, 9))}}


def wells(**more: Any) -> dict[str, Any]:
    """Entry of embeddings from a file."""
    return {"kind": "wells", "path": "mine.parquet"} | more


def finished_map(**more: Any) -> dict[str, Any]:
    """Entry of a finished map."""
    return {"kind": "map", "path": "map.csv"} | more
