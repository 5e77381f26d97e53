"""The report of a run as one HTML page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cwamsn.files import atomic_path
from cwamsn.paths import NO_SCREEN, evaluated
from cwamsn.products import PRODUCTS
from cwamsn.reporting.advised import advised
from cwamsn.reporting.context import TableMethod
from cwamsn.reporting.curves import training_of
from cwamsn.reporting.findings import find
from cwamsn.reporting.leaderboard import boards_of_run
from cwamsn.reporting.links import LinkedPage, links
from cwamsn.reporting.pages import render
from cwamsn.reporting.provenance import Provenance
from cwamsn.reporting.quality import Quality, quality_of
from cwamsn.reporting.render import fragment
from cwamsn.reporting.scores import read_scores


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """What a report is made from; every sequence and mapping may be empty."""

    record: Provenance
    simulated: bool = False
    methods: Sequence[TableMethod] = ()
    tables: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    """HTML pages of tables by screen; "" stands for the only screen."""
    figures: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    """PNG files, likewise."""
    screens: Mapping[str, str | Path] = field(default_factory=dict)
    """Data folders of the screens whose images were used, by name."""
    logs: Mapping[str, Sequence[str | Path]] = field(default_factory=dict)
    """`log.csv` of each seed, by a method's title."""
    paired: Mapping[str, str | Path] = field(default_factory=dict)
    """Wells table of each screen whose wells the run's trainings pair, by its name."""
    examples: int = 6
    """Crops shown of each screen."""
    scores: Sequence[str | Path] = ()
    """Files with every score of the run."""
    pages: Sequence[LinkedPage] = ()
    """Pages that the run makes on request."""
    command: str = "snakemake --cores all"
    """What makes a part of this run, followed by the name of a table or figure."""


def with_suffix(files: Mapping[str, Sequence[str | Path]], suffix: str) -> dict[str, list[Path]]:
    """Those of the files, by screen, that end with `suffix`."""
    return {screen: [Path(p) for p in paths if Path(p).suffix == suffix] for screen, paths in files.items()}


class Figure(NamedTuple):
    """A finished figure, and the command that makes it alone."""

    caption: str
    png: bytes
    alone: str


class TableOnPage(NamedTuple):
    """A finished table, and the command that makes it alone."""

    html: str
    alone: str


def write_report(inputs: ReportInputs, output: str | Path) -> None:
    """Write the report of a run."""
    record = inputs.record
    screens = {name: quality_of(Path(folder), inputs.examples) for name, folder in inputs.screens.items()}
    tables = {
        screen: [_table(path, inputs.command) for path in paths] for screen, paths in inputs.tables.items() if paths
    }
    fragments = [table.html for found in tables.values() for table in found]
    warnings = _warnings(inputs, screens)
    scores = read_scores(inputs.scores)
    *found, not_measured = find(record, inputs.methods, scores, inputs.logs, fragments)
    advice = advised(record["configuration"], inputs.methods, scores, inputs.paired)
    page = render(
        "report.html.j2",
        title=record["configuration"]["title"],
        record=record,
        simulated=inputs.simulated,
        findings=[*found, *advice, not_measured],
        differences=_anchors(inputs.tables),
        warnings=warnings,
        count_of_warnings=sum(len(lines) for lines in warnings.values()),
        folder=Path(output).parent,
        links=links(inputs.pages, output, inputs.command),
        overview=_overview(record),
        methods=_methods(inputs),
        tables=tables,
        figures={
            screen: [_figure(path, inputs.command) for path in paths]
            for screen, paths in inputs.figures.items()
            if paths
        },
        published=boards_of_run(_scored(record["configuration"]), inputs.methods),
        screens=screens,
        training=training_of(inputs.logs),
        cost=_cost(record),
    )
    with atomic_path(output) as temporary:
        temporary.write_text(page)


def _anchors(tables: Mapping[str, Sequence[Path]]) -> dict[str, str]:
    """What to call each table of paired differences, by its anchor."""
    shown = [screen for screen, paths in tables.items() if "differences" in {path.stem for path in paths}]
    return {f"differences-{screen}" if screen else "differences": screen or "Methods compared" for screen in shown}


def _scored(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Benchmarks that are scored, by the source of the screen."""
    found: dict[str, list[str]] = {}
    for screen, benchmarks in evaluated(config).items():
        if screen != NO_SCREEN:
            found.setdefault(config["screens"][screen]["source"], []).extend(benchmarks)
    return found


def _figure(path: Path, command: str) -> Figure:
    product = PRODUCTS.get(path.stem)
    return Figure(product.title if product else path.stem, path.read_bytes(), f"{command} {path.stem}")


def _table(path: Path, command: str) -> TableOnPage:
    return TableOnPage(fragment(path.read_text()), f"{command} {path.stem}")


def _warnings(inputs: ReportInputs, screens: Mapping[str, Quality]) -> dict[str, list[str]]:
    """What jobs noted about the result, by screen and method, and suspicious fields by screen."""
    notes = inputs.record.get("notes") or {"screens": {}, "methods": {}}
    titles = {method.name: method.title for method in inputs.methods}
    warnings = {f"Screen {name}": list(lines) for name, lines in notes["screens"].items() if lines}
    for name, quality in screens.items():
        if quality.suspicious:
            line = f"{quality.suspicious}; by plate under Quality of the images"
            warnings.setdefault(f"Screen {name}", []).append(line)
    return warnings | {_titled(name, titles): list(lines) for name, lines in notes["methods"].items() if lines}


def _titled(name: str, titles: Mapping[str, str]) -> str:
    """Title of a method by its name, or by `screen/name` where notes are about its result on one of several screens."""
    screen, _, method = name.rpartition("/")
    return f"{titles.get(method, method)} on {screen}" if screen else titles.get(method, method)


def _overview(record: Provenance) -> dict[str, str | None]:
    """Code, configuration, data and machine in a line each."""
    config, code, machine = record["configuration"], record["code"], record["machine"]
    state = {True: "clean", False: "with uncommitted changes", None: ""}[code["clean"]]
    evaluation = {name: benchmarks for name, benchmarks in evaluated(config).items() if name != NO_SCREEN}
    screens = dict.fromkeys(filter(None, [config["training_screen"], *evaluation]))
    resources = record.get("resources", {})
    return {
        "Code": f"{code['commit'] or code['version']} {state}",
        "Configuration": record["configuration_sha256"][:12],
        "Benchmarks": _benchmarks(evaluated(config)),
        "Seeds": ", ".join(map(str, record["seeds"])),
        "Training screen": config["training_screen"],
        "Evaluation screen" if len(evaluation) < 2 else "Evaluation screens": ", ".join(evaluation),
        "Sources": ", ".join(f"{name}: {config['screens'][name]['source']}" for name in screens),
        "Data manifest": ", ".join(f"{name} {digest['sha256'][:12]}" for name, digest in record["data"].items()),
        "Looked up in": ", ".join(f"{name}: {r['file']} {r['sha256'][:12]}" for name, r in resources.items()),
        "Machine": f"{machine['processor']}, {machine['cores']} cores, "
        f"{(machine['memory_bytes'] or 0) / 2**30:.0f} GiB",
        "Python": machine["python"],
    }


def _benchmarks(evaluation: Mapping[str, Sequence[str]]) -> str:
    """The benchmarks, by screen where there are several."""
    texts = {screen: ", ".join(benchmarks) for screen, benchmarks in evaluation.items()}
    return next(iter(texts.values()), "") if len(texts) < 2 else "; ".join(f"{s}: {text}" for s, text in texts.items())


def _methods(inputs: ReportInputs) -> pd.DataFrame:
    """Title, name, kind and seeds of each method; precision and device of its trainings where any was trained."""
    frame = pd.DataFrame(
        [(m.title, m.name, m.kind, _seeds(inputs.record, m), _trained_on(inputs.record, m)) for m in inputs.methods],
        columns=["Method", "Name", "Kind", "Seeds", "Trained on"],
    )
    return frame if frame["Trained on"].any() else frame.drop(columns="Trained on")


def _seeds(record: Provenance, method: TableMethod) -> str:
    """Seeds of a method; of an encoder from another run, the seed that it was trained with there."""
    elsewhere = record.get("encoders", {}).get(method.name)
    return f"{elsewhere.get('seed', 'unknown')}, of its own run" if elsewhere else ", ".join(map(str, method.seeds))


def _trained_on(record: Provenance, method: TableMethod) -> str:
    """Precision and device of a method's trainings, each combination once."""
    computed = record.get("computed", {})
    descriptions = (computed.get(f"training/{method.name}/seed{seed}", {}) for seed in method.seeds)
    pairs = (", ".join(filter(None, (d.get("precision"), d.get("device")))) for d in descriptions)
    return "; ".join(filter(None, dict.fromkeys(pairs)))


class Cost(NamedTuple):
    """Minutes of the run's jobs, wall clock and CPU, in all and by rule."""

    wall: float
    cpu: float
    by_rule: pd.DataFrame


def _cost(record: Provenance) -> Cost | None:
    usage = pd.DataFrame(record["usage"])
    if usage.empty:
        return None
    usage["Rule"] = usage["job"].str.split("/").str[0]
    grouped = usage.groupby("Rule", sort=True)
    by_rule = pd.DataFrame(
        {
            "Jobs": grouped.size(),
            "Wall, minutes": grouped["wall_seconds"].sum() / 60,
            "CPU, minutes": grouped["cpu_seconds"].sum() / 60,
            "Longest job, minutes": grouped["wall_seconds"].max() / 60,
            "Peak memory, MB": grouped["max_rss_mb"].max(),
        }
    )
    return Cost(usage["wall_seconds"].sum() / 60, usage["cpu_seconds"].sum() / 60, by_rule.reset_index())
