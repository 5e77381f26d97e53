"""Every published number on RxRx3-core and Bray, by what it may be compared with: `docs/leaderboard.md` and the report.

Numbers are those of :mod:`cwamsn.reporting.published` and, for MorphoHELM's main profile, of
`published_morphohelm.csv`. A number of which nobody has read the original is in neither.
`python -m cwamsn.reporting.leaderboard config/methods.yaml > docs/leaderboard.md` writes the page.
"""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cwamsn.methods import KINDS
from cwamsn.reporting import morphohelm, published
from cwamsn.reporting.context import DEFAULT_TABLES, TableMethod
from cwamsn.reporting.pages import render

PAPER = "CWA-MSN paper (review copy)"
OWNER = "data owner's notebook, EFAAR_benchmarking at commit 66bf5af"
HELM = "MorphoHELM, preprint of 14 May 2026"
LINKS = {
    OWNER: "https://github.com/recursionpharma/EFAAR_benchmarking",
    HELM: "https://arxiv.org/abs/2605.15383",
}
NOTEBOOK = "efaar-66bf5af"
RECALL = {"CORUM": "CORUM", "HuMAP": "hu.MAP", "Reactome": "Reactome", "SIGNOR": "SIGNOR", "StringDB": "StringDB"}
SIZES = {"training_dataset": "Trained on", "images": "Images", "parameters": "Parameters"}
PAIRED = {
    "ap_mean": "AP",
    "ap_std": "std of AP",
    "ap_z": "z of AP",
    "auc_mean": "AUC",
    "auc_std": "std of AUC",
    "auc_z": "z of AUC",
}
PROBED = {
    "linear_full": "linear, all wells",
    "linear_no_controls": "linear, no controls",
    "knn_full": "kNN, all wells",
    "knn_no_controls": "kNN, no controls",
}
ENRICHED = {"share_significant": "share significant", "geometric_mean_odds_ratio": "odds ratio"}
PROFILES = {
    "CSAll_Plate__PCA64__MADCtrl_Plate__SphCtrl_Batch": "main, then sphering on controls",
    "NoCS__PCA64__MADCtrl_Plate__NoSph": "main without centring and scaling",
    "CSAll_Plate__NoPCA__MADCtrl_Plate__NoSph": "main without PCA",
}
CHANCE = (
    "permutations of fixed seed, p from 1/101; a random ranking has an odds ratio far above 1 (8.48 on the labels of "
    "cpg-MoA), so that values near it are no signal"
)


@dataclass(frozen=True)
class Board:
    """Published numbers that may be compared with each other."""

    title: str
    screen: str
    """Source of the screen, as `screens.<name>.source` names it."""
    benchmark: str
    source: str
    alignment: str
    null: str
    """What the numbers are measured against."""
    remark: str
    """How far they reach, and why others are on another board."""
    rows: pd.DataFrame
    """One line per method, all text."""
    tables: tuple[int, ...] = ()
    """Tables of the paper that it is made of, whose methods may be run here."""

    @property
    def link(self) -> str:
        """Where the source is; empty where it is not public."""
        return LINKS.get(self.source, "")


def boards() -> list[Board]:
    """All of them, in the order of the page."""
    return [
        _recall(),
        _recall_in_whole_map(),
        _compound_gene(),
        _compound_gene_of_owner(),
        _plates(),
        _mechanisms(),
        _other_profiles(),
    ]


def _cells(table: int | str, row: str, metrics: Mapping[str, str]) -> dict[str, str]:
    """Published cells of one row by heading; `-` where there is none."""
    return {title: published.value(table, row, metric) or "-" for metric, title in metrics.items()}


def _recalls(table: int | str, row: str, sources: Collection[str]) -> dict[str, str]:
    return {RECALL[source]: published.value(table, row, "recall", source) or "-" for source in sources}


def _place(table: int, row: str) -> dict[str, str]:
    frame = published.numbers(table)
    own = frame[frame["row"] == row]
    notes = "; ".join(dict.fromkeys(note for note in own["note"] if note.startswith(("values from", "not publicly"))))
    return {"Where": f"table {table}, p. {own['page'].iloc[0]}", "Note": notes}


def _recall() -> Board:
    sources = ("CORUM", "HuMAP", "Reactome", "StringDB")
    lines = [
        {"Method": row} | _cells(1, row, SIZES) | _recalls(1, row, sources) | _place(1, row)
        for row in published.rows(1)
    ]
    known = {*published.rows(1), "1024"}
    bray = {"Trained on": "Bray et al.", "Images": "-", "Parameters": "-"}  # as the text on the ablations says
    for table in (3, 4, 5, 6):
        for row in published.rows(table):
            if row in known:
                continue
            lines.append({"Method": _shown(row, table)} | bray | _recalls(table, row, sources) | _place(table, row))
    return Board(
        "RxRx3-core: recall of known gene-gene relationships",
        "rxrx3-core",
        "gene_gene",
        PAPER,
        "not stated; the data's owner fits PCA, centre and scale on the negative controls (`pca-center-scale`)",
        "pairs of CRISPR rows (`null_rows: crispr`), inferred: among all rows OpenPhenom has .648; chance is .10",
        "Share of known pairs among the 5 % most and the 5 % least similar. 1,209, 958, 569 and 1,737 relationships. "
        "Printed without intervals: the paired intervals that a run computes here are the only ones there are.",
        _frame(lines),
        (1, 3, 4, 5, 6),
    )


def _recall_in_whole_map() -> Board:
    line = {"Method": "OpenPhenom"} | _recalls(NOTEBOOK, "OpenPhenom", tuple(RECALL))
    return Board(
        "RxRx3-core: the same recall, ranked among all pairs of the map",
        "rxrx3-core",
        "gene_gene",
        OWNER,
        "`pca-center-scale` on EMPTY_control per experiment",
        "pairs of all 14,090 rows, compounds at every dose included (`null_rows: whole-map`); chance is .10",
        "Not comparable with the board above: the same relationships, another null. Later versions of the notebook "
        "rank among CRISPR rows; the published script of CellCLIP ranks as this one does.",
        _frame([line]),
    )


def _compound_gene() -> Board:
    lines = [{"Method": row} | _cells(2, row, PAIRED) | _place(2, row) for row in published.rows(2)]
    return Board(
        "RxRx3-core: known genes of a compound",
        "rxrx3-core",
        "compound_gene",
        PAPER,
        "not stated; as above",
        "random scores, printed as .214; on the published truth table they have .2218 exactly",
        "Mean over compounds at the maximum over doses; std over draws of negatives, which is no error over compounds. "
        "OpenPhenom's z of AP does not follow from its mean and std, which give 3.48.",
        _frame(lines),
        (2,),
    )


def _compound_gene_of_owner() -> Board:
    shown = {metric: title for metric, title in PAIRED.items() if not metric.endswith("_z")}
    lines = [{"Method": row} | _cells(NOTEBOOK, row, shown) for row in ("OpenPhenom", "Random")]
    return Board(
        "RxRx3-core: known genes of a compound, by the data's owner",
        "rxrx3-core",
        "compound_gene",
        OWNER,
        "`pca-center-scale` on EMPTY_control per experiment",
        "random scores on the same draws",
        "Ten draws of negatives (the paper does not say how many; later versions take 100). The owner's README reports "
        "medians over compounds, not means, and prints none; the Polaris benchmark averages by treatment.",
        _frame(lines),
    )


def _plates() -> Board:
    lines = []
    for row in published.rows(8):
        cells = {
            title: f"{published.value(8, row, key)} ± {published.value(8, row, f'{key}_std')}"
            for key, title in PROBED.items()
        }
        lines.append({"Method": row} | cells | _place(8, row))
    return Board(
        "RxRx3-core: plate predicted from the embedding",
        "rxrx3-core",
        "plate_probe",
        PAPER,
        "none: embeddings as the encoder gives them",
        "macro-F1 in per cent, five folds; low is good, and so is a collapsed embedding",
        "The paper does not say whether a plate is the plate column or the plate of an experiment. Here both are "
        "scored.",
        _frame(lines),
        (8,),
    )


def _mechanisms() -> Board:
    main = morphohelm.numbers()
    main = main[(main["set"] == "bbbc036") & (main["level"] == "NR")]
    lines = []
    for model, own in main.groupby("model"):
        printed = own.set_index("metric")["printed"]
        found = {title: str(printed[metric]) for metric, title in ENRICHED.items()}
        lines.append({"Method": str(model)} | found | {"Where": f"{own['figure'].iloc[0]}, p. {own['page'].iloc[0]}"})
    return Board(
        "Bray (BBBC036): enrichment of mechanisms of action",
        "bray",
        "enrichment",
        HELM,
        "plate centred and scaled on all wells, PCA 64, MAD on controls; one batch and one source, so level NR alone",
        CHANCE,
        "1,074 compounds of 406 plates, the plates that CWA-MSN trains on: it is in-sample here, as is CLOOME if its "
        "weights are those of its paper. `config/morphohelm.yaml` computes each number again from the published well "
        "tables, beside the printed one.",
        _frame(lines),
    )


def _other_profiles() -> Board:
    lines = []
    for profile, label in PROFILES.items():
        table = f"morphohelm:{profile}"
        numbers = published.numbers(table)
        place = f"{numbers['note'].iloc[0]}, p. {numbers['page'].iloc[0]}"
        lines += [
            {"Method": model, "Alignment": label} | _cells(table, model, ENRICHED) | {"Where": place}
            for model in published.rows(table)
        ]
    return Board(
        "Bray (BBBC036): the same under other alignments",
        "bray",
        "enrichment",
        HELM,
        "as the column says; main is that of the board above",
        CHANCE,
        "The published well tables are those of the main alignment alone: these numbers cannot be computed from them.",
        _frame(lines),
    )


def _frame(lines: Sequence[Mapping[str, str | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(lines).fillna("-").astype(str)
    return frame.loc[:, (frame != "").any()]


def methods_by_row(methods: Iterable[tuple[str, str | None, Collection[int]]], board: Board) -> dict[str, str]:
    """Which methods compute the rows of a board, by the row: several separated by commas.

    methods : name, published row (None: it has none) and numbers of tables of each.
    """
    found: dict[str, dict[str, None]] = {}
    for name, row, tables in methods:
        for table in set(tables) & set(board.tables) if row else ():
            found.setdefault(_shown(str(row), table), {})[name] = None
    return {row: ", ".join(found[row]) for row in board.rows["Method"] if row in found}


def page(definitions: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page, given the methods' definitions of `config/methods.yaml`."""
    sections = []
    for board in boards():
        rows = _with_names(board, definitions)
        sections.append((board, list(rows.columns), rows.to_numpy().tolist()))
    return render("leaderboard.md.j2", sections=sections)


def _with_names(board: Board, definitions: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Its rows with the methods that compute them, where the board is of tables of the paper."""
    if not board.tables:
        return board.rows
    computed = {name: entry for name, entry in definitions.items() if KINDS[entry["kind"]].measured}
    entries = [(f"`{name}`", e.get("paper_row"), e.get("tables", DEFAULT_TABLES)) for name, e in computed.items()]
    names = board.rows["Method"].map(methods_by_row(entries, board))
    return board.rows.assign(**{"Run it with": names.fillna("nothing: not public")})


def _shown(row: str, table: int) -> str:
    """A published row as boards call it."""
    return f"CWA-MSN, {row} prototypes" if table == 5 else f"CWA-MSN, {row}" if row == "No Masking" else row


def boards_of_run(scored: Mapping[str, Collection[str]], methods: Iterable[TableMethod]) -> list[Board]:
    """The boards that the numbers of a run may be held against, with the run's methods that compute their rows.

    Parameters
    ----------
    scored : benchmarks that the run scores, by the source of the screen (`screens.<name>.source`).
    methods : methods of the run.
    """
    entries = [(m.title, m.paper_row, m.tables) for m in methods if KINDS[m.kind].embeds_wells]
    found = []
    for board in boards():
        if board.benchmark in scored.get(board.screen, ()):
            here = board.rows["Method"].map(methods_by_row(entries, board)).fillna("-")
            rows = board.rows.assign(**{"In this run": here}) if board.tables else board.rows
            found.append(replace(board, rows=rows))
    return found


if __name__ == "__main__":
    sys.stdout.write(page(yaml.safe_load(Path(sys.argv[1]).read_text())["definitions"]))
