"""What a run found, in three sentences made from its scores."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cwamsn.encoder_files import read_description
from cwamsn.methods import KINDS
from cwamsn.paths import NO_SCREEN, ModelPaths, evaluated
from cwamsn.reporting.compared import named_differences
from cwamsn.reporting.context import TableMethod
from cwamsn.reporting.provenance import Provenance
from cwamsn.reporting.scores import JOINT, ScoreSelection, select, selected

RECALL = "recall of known gene-gene relationships over all sources"
# What the paired differences are of (:data:`cwamsn.reporting.compared.QUANTITIES`), where a sentence says it in full.
MEASURES = {
    "gene-gene recall": RECALL,
    "compound-gene AP": "average precision of compound-gene relationships at the maximum concentration",
    "compound-gene AUC": "AUC-ROC of compound-gene relationships at the maximum concentration",
}
BENCHMARKS = {
    "gene_gene": "gene-gene recall",
    "compound_gene": "compound-gene relationships",
    "plate_probe": "plate identity",
    "replicate_map": "replicate retrieval",
    "retrieval": "retrieval at levels of stringency",
    "signal": "perturbation signal",
    "latent_probe": "what the screen was drawn from",
}
VERDICTS = {1: "above", -1: "below", 0: "not told apart from"}
SHOWN = 4
"""Methods that a sentence names; of more it gives the number."""


class Difference(NamedTuple):
    """How much one method scores above another one: the mean over seeds, and what the seeds' 95 % intervals span."""

    method: str
    other: str
    value: float
    low: float
    high: float
    sign: int
    """1 or -1 where the interval of every seed lies on that side of 0, else 0."""
    seeds: int

    def flipped(self) -> "Difference":
        """The other method minus this one."""
        return Difference(self.other, self.method, -self.value, -self.high, -self.low, -self.sign, self.seeds)


def find(
    record: Provenance,
    methods: Sequence[TableMethod],
    scores: pd.DataFrame,
    logs: Mapping[str, Sequence[str | Path]],
    tables: Iterable[str],
) -> list[str]:
    """Three sentences: what was trained on what; how the first compared method stands; what is not measured here.

    Parameters
    ----------
    record : what the run came from.
    methods : methods of the run, in order.
    scores : every score of the run, see :func:`cwamsn.reporting.read_scores`.
    logs : `log.csv` of each seed, by the title of a trained method; the description of the encoder lies beside it.
    tables : the run's tables as HTML, in which published numbers are marked.
    """
    config = record["configuration"]
    selection = ScoreSelection(
        alignment=config.get("alignment", {}).get("method"), null=config.get("gene_gene", {}).get("null_rows")
    )
    by_screen = {screen: select(scores, screen=screen) for screen in evaluated(config)}
    titles = {method.name: method.title for method in methods}
    standing = []
    for screen, own in by_screen.items():
        where = f"On {screen}: " if len(by_screen) > 1 else ""
        found = named_differences(own, selection)
        standing.append(
            _standing(where, found, titles, config.get("comparisons", ())) or _unpaired(where, own, methods, selection)
        )
        standing += _read(where, own, methods)
    return [_trained(config, methods, logs), " ".join(standing), _not_measured(config, methods, tables)]


def _differences(found: pd.DataFrame) -> list[Difference]:
    """The differences of one quantity, one per pair of methods."""
    differences = []
    for (method, other), seeds in found.groupby(["method", "other"], sort=False):
        low, high = seeds["ci_low"].astype(float), seeds["ci_high"].astype(float)
        total = int((low > 0).sum()) - int((high < 0).sum())
        sign = {len(seeds): 1, -len(seeds): -1}.get(total, 0)
        value = float(seeds["value"].mean())
        differences.append(Difference(method, other, value, low.min(), high.max(), sign, len(seeds)))
    return differences


def _interval(found: Difference) -> str:
    """`-0.065, 95 % interval -0.157 to +0.040`; of several seeds the mean and what their intervals span."""
    over = "" if found.seeds == 1 else f" in the mean of {found.seeds} seeds"
    interval = "95 % interval" if found.seeds == 1 else "their 95 % intervals span"
    return f"{found.value:+.3f}{over}, {interval} {found.low:+.3f} to {found.high:+.3f}"


def _standing(where: str, found: pd.DataFrame, titles: Mapping[str, str], comparisons: Sequence[Sequence[str]]) -> str:
    """How the method that is compared first stands beside each other one, in what the table of differences has first.

    Empty where no two methods were compared.
    """
    found = found[found["method"].isin(titles) & found["other"].isin(titles)]
    if found.empty:
        return ""
    first_row = found.sort_values(["rank", "place"], kind="stable").iloc[0]
    what, level = str(first_row["what"]), str(first_row["level"])
    differences = _differences(found[(found["what"] == what) & (found["level"] == level)])
    names = {name for d in differences for name in (d.method, d.other)}
    first = next(name for name in (*(n for pair in comparisons for n in pair), differences[0].method) if name in names)
    own = [d for d in differences if d.method == first] + [d.flipped() for d in differences if d.other == first]
    parts = [f"{VERDICTS[d.sign]} {titles[d.other]} ({_interval(d)})" for d in own]
    measure = MEASURES.get(what, what) + (f" at level {level}" if level else "")
    return f"{where}In {measure}, {titles[first]} is {listing(parts)}."


def _unpaired(where: str, scores: pd.DataFrame, methods: Sequence[TableMethod], selection: ScoreSelection) -> str:
    """Values alone, where no two methods were compared."""
    recall = select(selected(scores, selection), benchmark="gene_gene", metric="recall", source=JOINT)
    recall = recall[(recall["threshold_low"] - selection.threshold_low).abs() < 1e-9]
    values = recall.groupby("method")["value"].mean()
    parts = [f"{m.title} {values[m.name]:.3f}" for m in methods if m.name in values.index]
    unknown = "no two methods were compared on the same resamples (key comparisons), so no difference has an interval"
    if not parts:
        return f"{where}{unknown[0].upper()}{unknown[1:]}."
    shown = listing(parts[:SHOWN]) + (f", and {len(parts) - SHOWN} more in the tables" if len(parts) > SHOWN else "")
    return f"{where}In {RECALL}: {shown}; {unknown}."


def _read(where: str, scores: pd.DataFrame, methods: Sequence[TableMethod]) -> list[str]:
    """What can be read of the phenotype that a simulated screen was drawn with; nothing where that was not scored."""
    values = select(scores, benchmark="latent_probe", metric="phenotype_r2").groupby("method")["value"].mean()
    shown = [m for m in methods if m.name in values.index and not (KINDS[m.kind].bound or KINDS[m.kind].chance)]
    if not shown:
        return []
    shown = sorted(shown, key=lambda method: -values[method.name])
    parts = [f"{m.title} {values[m.name]:.3f}" for m in shown[:SHOWN]]
    more = f", {len(shown) - SHOWN} more in the tables" if len(shown) > SHOWN else ""
    what = "Share of the phenotype's variance that can be read from the embeddings, without an interval"
    return [f"{where}{what}: {listing(parts)}{more}."]


def _trained(
    config: Mapping[str, Any], methods: Sequence[TableMethod], logs: Mapping[str, Sequence[Path | str]]
) -> str:
    """Which methods were trained on what, which others were scored, where and by what."""
    described = {title: ModelPaths(Path(paths[0]).parent).description for title, paths in logs.items() if paths}
    read = {title: read_description(path) for title, path in described.items() if path.exists()}
    trained = {title: known for title, known in read.items() if known["steps"]}
    measured = [m for m in methods if KINDS[m.kind].measured]
    others = [m.title for m in measured if m.title not in trained]
    scored = "; ".join(
        f"{'finished maps alone' if screen == NO_SCREEN else screen} by {listing([_words(b) for b in benchmarks])}"
        for screen, benchmarks in evaluated(config).items()
    )
    if trained:
        images = sorted({int(known["images"]) for known in trained.values()})
        count = f"{images[0]:,}" if len(images) == 1 else f"{images[0]:,} to {images[-1]:,}"
        verb = "was" if len(trained) == 1 else "were"
        text = f"{_named(list(trained))} {verb} trained here on {count} images of {config['training_screen']}"
        beside = f", and scored beside {_named(others)}" if others else ", and scored"
    else:
        text, beside = (
            f"Nothing was trained here: {_named(others)}",
            " was scored" if len(others) == 1 else " were scored",
        )
    return f"{text}{beside} on {scored}." if scored else f"{text}; nothing was scored."


def _words(benchmark: str) -> str:
    return BENCHMARKS.get(benchmark, benchmark.replace("_", " "))


def _not_measured(config: Mapping[str, Any], methods: Sequence[TableMethod], tables: Iterable[str]) -> str:
    """What is simulated, and what is quoted."""
    used = [s for s in (config["training_screen"], *evaluated(config)) if s and s in config["screens"]]
    simulated = [s for s in dict.fromkeys(used) if str(config["screens"][s]["source"]).startswith("simulated-")]
    quoted = sum(len(re.findall(r'<td class="quoted[^>]*>[^<]', text)) for text in tables)
    parts = []
    if simulated:
        it, verb = ("it", "is") if len(simulated) == 1 else ("them", "are")
        real = f"what is measured on {it} says nothing about a method on real cells"
        parts.append(f"{listing(simulated)} {verb} simulated, and {real}")
    else:
        parts.append("no screen is simulated" if used else "no screen was read")
    if quoted:
        parts.append(f"the {quoted:,} numbers in italics are quoted from the paper, all others were measured here")
    else:
        parts.append("no published number stands in the tables: all were measured here")
    text = "; ".join(parts)
    return f"{text[0].upper() if not simulated else text[0]}{text[1:]}."


def _named(titles: Sequence[str]) -> str:
    """Titles, or the number of them where they are many."""
    return listing(titles) if len(titles) <= SHOWN else f"{len(titles)} methods"


def listing(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else "nothing"
