"""`cwamsn score EMBEDDINGS --screen SCREEN`."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

from cwamsn import tables
from cwamsn.chain import prepare_wells
from cwamsn.cli import base
from cwamsn.cli._profiles import digits, in_columns, short, whole
from cwamsn.cli.output import Answer
from cwamsn.cli.screen_options import key_of, read_screen, screen_options
from cwamsn.embeddings import WellsFile
from cwamsn.errors import InputError
from cwamsn.files import read_json
from cwamsn.hits.files import check_suffix, write_table
from cwamsn.notes import note
from cwamsn.paths import ScreenPaths
from cwamsn.scoring import BENCHMARKS, score_embeddings, sections_of_argument
from cwamsn.scoring_bray import bray_sections, bray_summary
from cwamsn.screen_specs import BraySpec, RxRx3Spec
from cwamsn.screen_specs.argument import checked_spec
from cwamsn.screen_specs.name_of import screen_name
from cwamsn.screen_specs.text import read_rows

RXRX3_COLUMNS = {"well_id", "experiment_name", "perturbation_type", "treatment"}
IN_SAMPLE = {"yes": True, "no": False, "unknown": None}
OF_BRAY = {
    "question": ("question", whole),
    "wells": ("wells", whole),
    "value": ("value", digits(3)),
    "ci_low": ("from", digits(3)),
    "ci_high": ("to", digits(3)),
    "chance": ("chance", digits(3)),
    "n": ("n", lambda value: "-" if pd.isna(value) else f"{value:,.0f}"),
    "said": ("", lambda value: str(value or "")),
}
COLUMNS = {
    "benchmark": ("benchmark", whole),
    "metric": ("metric", whole),
    "source": ("source", whole),
    "null": ("null", whole),
    "alignment": ("alignment", whole),
    "plate_reading": ("plate", whole),
    "controls": ("controls", whole),
    "fold": ("fold", whole),
    "draw": ("draw", whole),
    "value": ("value", digits(3)),
    "ci_low": ("from", digits(3)),
    "ci_high": ("to", digits(3)),
    "n": ("n", whole),
    "threshold_low": ("low", short),
    "threshold_high": ("high", short),
    "concentration": ("µM", whole),
}
# Columns that a reader misses only where scores differ in nothing else.
TELLING = ("null", "alignment", "plate_reading", "controls", "fold", "draw")


@base.command(
    "score",
    examples=[
        "cwamsn score embeddings.parquet --screen metadata_rxrx3_core.csv --truth compound_gene_interactions.csv",
        "cwamsn score embeddings.h5ad --screen my.yaml:plates --benchmarks plate_probe,replicate_map --json",
        "cwamsn score vectors.npz --screen profiles/work/plates --read array=features --out scores.csv",
        "cwamsn score bray_wells.parquet --bray --moa BBBC036_v1_DatasetGroundTruth.csv --in-sample yes",
    ],
)
@click.argument("embeddings", type=base.PATH)
@screen_options(option="--screen", required=False)
@click.option("--bray", is_flag=True, help="Score wells of Bray et al.: mechanisms, replicates at every level, plates.")
@click.option("--moa", type=base.PATH, help="With --bray: BBBC036_v1_DatasetGroundTruth.csv, mechanisms of compounds.")
@click.option(
    "--in-sample",
    type=click.Choice(["yes", "no", "unknown"]),
    help="Whether the model was trained on the screen, which scores say.  [default: no; with --bray unknown]",
)
@click.option("--benchmarks", help=f"Some of {', '.join(BENCHMARKS)}.  [default: as the screen allows]")
@click.option("--truth", type=base.PATH, help="Known compound-gene relationships (CSV).")
@click.option("--cell-counts", type=base.PATH, help="Cells per well: plate, well (or well_id) and cell_count.")
@click.option("--align", help="Alignment.  [default: pca-center-scale, or the configuration's]")
@click.option("--method", help="What the scores call it.  [default: the file's name]")
@click.option("--read", "reading", metavar="KEY=VALUE", multiple=True, help="How the file is read: array, format, ...")
@click.option("--max-missing", type=click.FloatRange(0, 1), help="Share of wells without a vector.  [default: 0.05]")
@click.option("--out", type=base.PATH, help="Write the scores: .csv, .tsv or .parquet.")
def command(
    embeddings: Path,
    screen: str | None,
    *,
    bray: bool,
    moa: Path | None,
    in_sample: str | None,
    benchmarks: str | None,
    truth: Path | None,
    cell_counts: Path | None,
    align: str | None,
    method: str | None,
    reading: tuple[str, ...],
    max_missing: float | None,
    out: Path | None,
    **keys: Any,
) -> Answer:
    """Score embeddings of a screen's wells on benchmarks.

    The numbers are those of a run of the workflow with the same screen. --screen is a screen (its images are not
    needed), the metadata table of RxRx3-core, or the folder of a screen that cwamsn embed or a run has made. --bray
    alone fetches plate maps, annotations and the published split of Bray et al.
    """
    check_suffix(out)
    _check_bray(screen, bray, moa)
    sections, config = sections_of_argument(screen or "")
    if truth is not None:
        if not truth.is_file():
            raise InputError(f"{truth}: no such file; correct --truth")
        sections = replace(sections, compound_gene=replace(sections.compound_gene, truth=str(truth)))
    if align is not None:
        sections = replace(sections, alignment=replace(sections.alignment, method=align))
    name = BraySpec.source if screen is None else screen_name(screen)
    configured: list[str] = (config.get("evaluate") or {}).get(name, [])
    if bray:
        sections, configured = bray_sections(None if moa is None else str(moa), sections)
        sections = sections if align is None else replace(sections, alignment=replace(sections.alignment, method=align))
        if moa is None:
            note("mechanisms are not scored: give --moa BBBC036_v1_DatasetGroundTruth.csv")
    chosen = [part.strip() for part in benchmarks.split(",")] if benchmarks else configured
    with tempfile.TemporaryDirectory(prefix="cwamsn-") as folder:
        paths, source = _bray(keys) if screen is None else _screen(screen, name, keys, Path(folder))
        table, counts = score_embeddings(
            embeddings,
            paths,
            source,
            benchmarks=chosen,
            sections=sections,
            file=WellsFile.from_config(_reading(reading)),
            method=method,
            run=str(config.get("run") or "score"),
            max_missing_share=config.get("max_missing_share", 0.05) if max_missing is None else max_missing,
            cell_counts=cell_counts or ((config.get("screens") or {}).get(name) or {}).get("cell_counts"),
            in_sample=IN_SAMPLE[in_sample or ("unknown" if bray else "no")],
        )
        simulated = paths.simulated_truth.is_file()
    if out is not None:
        tables.write(table, "scores", out) if out.suffix == ".parquet" else write_table(table, out)
    found: dict[str, object] = {"scores": table.to_dict("records"), "wells": counts, "screen": paths.root.name}
    found["simulated"] = simulated
    if bray:
        summary = bray_summary(table, sections)
        found["summary"] = summary.to_dict("records")
        lines = in_columns(summary, OF_BRAY)
    else:
        needed = [
            key for key in COLUMNS if key in table and (key not in TELLING or table[key].nunique(dropna=False) > 1)
        ]
        shown = {key: COLUMNS[key] for key in needed if table[key].notna().any()}
        lines = in_columns(table.astype(object).where(table.notna(), None), shown)
    label = [f"{paths.root.name} is a simulated screen: these numbers say nothing of real ones"] if simulated else []
    return Answer(found, [*label, *lines, *([f"written to {out}"] if out else [])])


def _check_bray(screen: str | None, bray: bool, moa: Path | None) -> None:
    if screen is None and not bray:
        raise InputError("--screen: is missing; name the screen whose wells the embeddings are of, or --bray")
    if moa is not None and not bray:
        raise InputError("--moa: goes with --bray; for another screen set enrichment.labels in a configuration")
    if moa is not None and not moa.is_file():
        raise InputError(f"{moa}: no such file; correct --moa")


def _bray(keys: Mapping[str, Any]) -> tuple[ScreenPaths, str]:
    """The wells of Bray et al.; what is fetched for them is kept in the user's cache."""
    if words := [key for key in ("platemap", "pattern", "channels") if keys[key] is not None]:
        raise InputError(f"--{words[0]}: does not go with --bray; its keys are given by --set KEY=VALUE")
    section = {"source": BraySpec.source, **dict(map(key_of, keys["keys"]))}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cwamsn"
    return prepare_wells(BraySpec.source, checked_spec(section, "--bray"), cache), BraySpec.source


def _screen(screen: str, name: str, keys: Mapping[str, Any], folder: Path) -> tuple[ScreenPaths, str]:
    """Files of the screen, and its source; what is not there yet is made in `folder`."""
    path = Path(screen)
    root = path.parent if path.name == "wells.parquet" else path
    if (root / "wells.parquet").is_file() and not screen.endswith((".yaml", ".yml")):
        found = ScreenPaths(root)
        return found, str(read_json(found.source)["source"]) if found.source.is_file() else ""
    if path.suffix == ".csv" and path.is_file() and set(read_rows(path, screen).columns) >= RXRX3_COLUMNS:
        return _rxrx3(path, name, folder)
    spec = read_screen(screen, **keys)
    return prepare_wells(name, spec, folder), spec.source


def _rxrx3(metadata: Path, name: str, folder: Path) -> tuple[ScreenPaths, str]:
    """The screen of a metadata table of RxRx3-core; a truth table that lies beside it is found."""
    beside = metadata.with_name("compound_gene_interactions.csv")
    spec = RxRx3Spec(metadata=str(metadata), compound_gene_truth=str(beside) if beside.is_file() else None)
    return prepare_wells(name, spec, folder, truth=beside.is_file()), spec.source


def _reading(words: tuple[str, ...]) -> Mapping[str, Any]:
    found = dict(map(key_of, words))
    known = WellsFile.__dataclass_fields__
    if unknown := [key for key in found if key not in known]:
        raise InputError(f"--read {unknown[0]}: not known; known: {', '.join(known)}")
    return found
