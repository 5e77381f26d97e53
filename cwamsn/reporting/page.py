"""The report of a run: one HTML page that needs nothing beside itself, no script, no network."""

import base64
import html
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.crops import CropStore
from cwamsn.crops.plates import commonest, kind_of, plate_of
from cwamsn.files import atomic_path
from cwamsn.reporting.figures import MARKERS, PALETTE, STYLE
from cwamsn.reporting.render import fragment, html_page

CAPTIONS = {
    "figure1": "Figure 1. Gene-gene recall against the size of data and model.",
    "figure3": "Figure 3. Compound-gene relationships over the concentration.",
}


@dataclass
class Parts:
    """What a page is made of; every list and dictionary may be empty."""

    record: dict[str, Any]  # of provenance.json
    simulated: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)  # name, title, kind, seeds
    tables: list[Path] = field(default_factory=list)  # their HTML pages
    figures: list[Path] = field(default_factory=list)  # PNG
    screens: dict[str, Path] = field(default_factory=dict)  # name: the screen's data folder
    logs: dict[str, list[Path]] = field(default_factory=dict)  # row's title: log.csv of each seed
    examples: int = 6


def write_page(parts: Parts, output: str | Path) -> None:
    """Write the page."""
    record = parts.record
    title = record["configuration"].get("title") or record["run"]
    sections = {
        "Warnings": _warnings(parts),
        "What ran": _what_ran(parts),
        "Tables": "".join(fragment(path.read_text()) for path in parts.tables) or "<p>This run makes no table.</p>",
        "Figures": "".join(_figure_file(path) for path in parts.figures) or "<p>This run makes no figure.</p>",
        "Quality of the images": "".join(_quality(n, p, parts.examples) for n, p in parts.screens.items())
        or "<p>No image was needed: every row comes from embeddings or a finished map.</p>",
        "Training": _training(parts.logs),
        "Cost": _cost(record),
    }
    names = {name: name.lower().replace(" ", "-") for name in sections}
    body = "".join(f'<section id="{names[n]}"><h2>{n}</h2>{text}</section>' for n, text in sections.items())
    nav = "".join(f'<a href="#{names[n]}">{n}</a>' for n in sections)
    banner = (
        '<p class="banner">Simulated screens: the images were drawn by a program. The numbers show that the pipeline '
        "works; they say nothing about a method on real cells.</p>"
        if parts.simulated
        else ""
    )
    page = html_page(
        title,
        f"<header><h1>{html.escape(title)}</h1>"
        f"<p>Run {html.escape(record['run'])}, version {html.escape(record['version'])}</p>{banner}"
        f"<nav>{nav}</nav></header><main>{body}"
        "<footer>Everything above is in this run's folder: scores.parquet, tables/, figures/, provenance.json."
        "</footer></main>",
    )
    with atomic_path(output) as temporary:
        temporary.write_text(page)


def _warnings(parts: Parts) -> str:
    """What jobs said about the result, by screen and row, and suspicious fields by plate."""
    noted = parts.record.get("notes") or {"screens": {}, "rows": {}}
    titles = {row["name"]: row["title"] for row in parts.rows}
    said = {f"Screen {name}": lines for name, lines in noted["screens"].items() if lines}
    for name, folder in parts.screens.items():
        if counts := _suspicious(tables.read("qc", folder / "qc.parquet")):
            said.setdefault(f"Screen {name}", []).append(f"{counts}; by plate under Quality of the images")
    said |= {titles.get(name, name): lines for name, lines in noted["rows"].items() if lines}
    if not said:
        return "<p>No job of this run found anything suspicious.</p>"
    return "".join(f"<h3>{html.escape(name)}</h3>{_bullets(lines)}" for name, lines in said.items())


def _suspicious(qc: pd.DataFrame) -> str:
    count = int(qc["warning"].notna().sum()) if "warning" in qc else 0
    return f"{count:,} of {len(qc):,} fields of view look suspicious" if count else ""


def _bullets(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>"


def _listing(items: dict[str, Any]) -> str:
    lines = (
        f"<dt>{html.escape(k)}</dt><dd>{html.escape(str(v))}</dd>" for k, v in items.items() if v not in (None, "")
    )
    return f"<dl>{''.join(lines)}</dl>"


def _grid(frame: pd.DataFrame) -> str:
    """A frame as a table; numbers to the right."""
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    head = "".join(f'<th scope="col">{html.escape(str(c))}</th>' for c in frame.columns)
    body = []
    for line in frame.itertuples(index=False):
        cells = (
            f"<td{' class=number' if right else ''}>{html.escape(_text(value))}</td>"
            for value, right in zip(line, numeric, strict=True)
        )
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


def _what_ran(parts: Parts) -> str:
    record, config = parts.record, parts.record["configuration"]
    code = record["code"]
    state = {True: "clean", False: "with uncommitted changes", None: ""}[code["clean"]]
    screens = [n for n in dict.fromkeys([config.get("training_screen"), config.get("evaluation_screen")]) if n]
    overview = {
        "Code": f"{code['commit'] or code['version']} {state}",
        "Configuration": record["configuration_sha256"][:12],
        "Benchmarks": ", ".join(config["benchmarks"]),
        "Seeds": ", ".join(map(str, record["seeds"])),
        "Training screen": config.get("training_screen"),
        "Evaluation screen": config.get("evaluation_screen"),
        "Sources": ", ".join(f"{n}: {config['screens'][n]['source']}" for n in screens),
        "Data manifest": ", ".join(f"{n} {d['sha256'][:12]}" for n, d in record["data"].items()),
        "Looked up in": ", ".join(
            f"{n}: {r['file']} {r['sha256'][:12]}" for n, r in record.get("resources", {}).items()
        ),
        "Machine": f"{record['machine']['processor']}, {record['machine']['cores']} cores, "
        f"{(record['machine']['memory_bytes'] or 0) / 2**30:.0f} GiB",
        "Python": record["machine"]["python"],
    }
    rows = pd.DataFrame(
        [(r["title"], r["name"], r["kind"], ", ".join(map(str, r["seeds"])), _choices(record, r)) for r in parts.rows],
        columns=["Row", "Name", "Kind", "Seeds", "Trained on"],
    )
    if not rows["Trained on"].any():
        rows = rows.drop(columns="Trained on")
    return _listing(overview) + "<h3>Rows</h3>" + _grid(rows)


def _choices(record: dict[str, Any], row: dict[str, Any]) -> str:
    """Precision and device of a row's trainings, each combination once."""
    found = (record.get("computed", {}).get(f"training/{row['name']}/seed{seed}", {}) for seed in row["seeds"])
    pairs = (", ".join(filter(None, (told.get("precision"), told.get("device")))) for told in found)
    return "; ".join(filter(None, dict.fromkeys(pairs)))


def _image(data: bytes, alt: str, kind: str = "") -> str:
    encoded = base64.b64encode(data).decode()
    css = f' class="{kind}"' if kind else ""
    return f'<div class="scroll"><img{css} alt="{html.escape(alt)}" src="data:image/png;base64,{encoded}"></div>'


def _figure_file(path: Path) -> str:
    caption = CAPTIONS.get(path.stem, path.stem)
    return (
        f"<figure><figcaption>{html.escape(caption)}</figcaption>{_image(path.read_bytes(), caption, 'wide')}</figure>"
    )


def _png(figure: plt.Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()


def _quality(name: str, folder: Path, examples: int) -> str:
    """Fields kept and skipped with the reasons, plates that are lost, what is suspicious, example crops by channel."""
    qc = tables.read("qc", folder / "qc.parquet")
    qc = qc.assign(plate=plate_of(qc))
    kept = qc["status"] == "kept"
    out = [f"<h3>{html.escape(name)}</h3>"]
    out.append(
        f"<p>{int(kept.sum()):,} of {len(qc):,} fields of view kept, {int((~kept).sum()):,} skipped, on "
        f"{qc['plate'].nunique():,} plates.</p>"
    )
    if len(lost := _lost(qc)):
        out.append(f"<p><strong>Plates without a usable field: {len(lost)}</strong></p>{_grid(lost)}")
    if len(counts := _warned(qc)):
        out.append(f"<p>{_suspicious(qc)}. They were used unless they stand among the skipped ones.</p>{_grid(counts)}")
    if not kept.all():
        out.append(_grid(_reasons(qc.loc[~kept, "reason"])))
        listed = qc.loc[~kept, ["field_id", "plate", "reason"]].head(200)
        out.append(f"<details><summary>The first {len(listed)} skipped fields</summary>{_grid(listed)}</details>")
    store = CropStore(folder / "crops.parquet", folder)
    if examples and len(store):
        out.append(_examples(name, store, examples))
    return "".join(out)


def _reasons(reasons: pd.Series) -> pd.DataFrame:
    """How many fields were skipped for each reason; of those that differ in numbers or paths alone, one in full."""
    texts = reasons.fillna("no reason given")
    kinds = texts.groupby(texts.map(kind_of)).agg(["first", "size"]).sort_values("size", ascending=False, kind="stable")
    return kinds.set_axis(["Why skipped", "Fields"], axis=1)


def _lost(qc: pd.DataFrame) -> pd.DataFrame:
    """Plates of which no field was kept, with the commonest reason."""
    skipped = qc[~(qc["status"] == "kept").groupby(qc["plate"]).transform("any")]
    lines = [(plate, len(part), commonest(part["reason"])) for plate, part in skipped.groupby("plate")]
    return pd.DataFrame(lines, columns=["Plate", "Fields", "Commonest reason"])


def _warned(qc: pd.DataFrame) -> pd.DataFrame:
    """How many fields of each plate have each kind of warning, with one of them in full."""
    if "warning" not in qc or qc["warning"].isna().all():
        return pd.DataFrame()
    texts = qc["warning"].dropna().str.split("; ").explode()
    keys = [qc["plate"].loc[texts.index].to_numpy(), texts.str.partition(":")[0].to_numpy()]
    counts = texts.groupby(keys).agg(["size", "first"]).reset_index()
    return counts.set_axis(["Plate", "Warning", "Fields", "For example"], axis=1)


def _examples(name: str, store: CropStore, count: int) -> str:
    chosen = np.unique(np.linspace(0, len(store) - 1, min(count, len(store))).round().astype(int))
    channels = store.channels
    with plt.rc_context(STYLE):
        shape = store.load(0).shape
        size = (1.6 * len(channels), (1.6 * shape[1] / shape[2] + 0.08) * len(chosen) + 0.3)
        figure, axes = plt.subplots(len(chosen), len(channels), figsize=size, layout="constrained", squeeze=False)
        for line, index in zip(axes, chosen, strict=True):
            crop, about = store.load(int(index)), store.frame.iloc[index]
            for axis, channel, plane in zip(line, channels, crop, strict=True):
                step = max(1, max(plane.shape) // 180)
                axis.imshow(plane[::step, ::step], cmap="gray", vmin=0, vmax=255)
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
                if line is axes[0]:
                    axis.set_title(channel, fontsize=8)
            label = "no treatment" if pd.isna(about["perturbation"]) else str(about["perturbation"])
            line[0].set_ylabel(f"{about['well_id']}\n{label}", fontsize=6)
    caption = f"Example crops of {name} by channel, 8 bits as the encoder sees them."
    return f"<figure><figcaption>{html.escape(caption)}</figcaption>{_image(_png(figure), caption)}</figure>"


CURVES = {"loss": "Loss", "prototypes_used": "Prototypes used (effective number)"}


def _training(logs: dict[str, list[Path]]) -> str:
    """Loss and prototype use over the steps, one colour a row, one line a seed."""
    frames = {title: [pd.read_csv(p) for p in paths] for title, paths in logs.items()}
    frames = {title: [f for f in found if len(f)] for title, found in frames.items()}
    frames = {title: found for title, found in frames.items() if found}
    if not frames:
        return "<p>No row of this run was trained.</p>"
    shown = [c for c in CURVES if any(c in f for found in frames.values() for f in found)]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(shown), figsize=(4.8 * len(shown), 3.6), layout="constrained", squeeze=False)
        for axis, column in zip(axes[0], shown, strict=True):
            for i, (title, found) in enumerate(frames.items()):
                for seed, frame in enumerate(f for f in found if column in f):
                    style = {"color": PALETTE[i % len(PALETTE)], "linewidth": 1.2}
                    style |= {"marker": MARKERS[i % len(MARKERS)], "markersize": 3, "markevery": 0.1}
                    axis.plot(frame["step"], frame[column], label=None if seed else title, **style)
            axis.set(xlabel="Optimiser step", ylabel=CURVES[column])
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    caption = "Training curves: loss, and how many prototypes the anchors use."
    last = pd.DataFrame(
        [
            {"Row": title, "Steps": int(f["step"].iloc[-1])}
            | {CURVES[c]: float(f[c].iloc[-1]) for c in shown if c in f}
            for title, found in frames.items()
            for f in found
        ]
    )
    plot = f"<figure><figcaption>{caption}</figcaption>{_image(_png(figure), caption, 'wide')}</figure>"
    return plot + "<h3>At the last step</h3>" + _grid(last)


def _cost(record: dict[str, Any]) -> str:
    """Wall time, CPU time and peak memory by rule."""
    usage = pd.DataFrame(record["usage"])
    if usage.empty:
        return "<p>No measurement.</p>"
    usage["Rule"] = usage["job"].str.split("/").str[0]
    grouped = usage.groupby("Rule", sort=True)
    frame = pd.DataFrame(
        {
            "Jobs": grouped.size(),
            "Wall, minutes": grouped["wall_seconds"].sum() / 60,
            "CPU, minutes": grouped["cpu_seconds"].sum() / 60,
            "Longest job, minutes": grouped["wall_seconds"].max() / 60,
            "Peak memory, MB": grouped["max_rss_mb"].max(),
        }
    ).reset_index()
    total = (
        f"{usage['wall_seconds'].sum() / 60:,.1f} minutes of jobs, {usage['cpu_seconds'].sum() / 60:,.1f} CPU minutes."
    )
    return f"<p>{total} Measured by Snakemake on the machine named above.</p>" + _grid(frame)
