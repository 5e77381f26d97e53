"""`cwamsn export RUN METHOD --to FOLDER`."""

from pathlib import Path

import click

from cwamsn.cli import base
from cwamsn.cli._contents import read_configuration
from cwamsn.cli.output import Answer
from cwamsn.config import embedding_of_method
from cwamsn.crops import CropOptions, crops_of
from cwamsn.embeddings import EmbedOptions
from cwamsn.errors import InputError, nearest
from cwamsn.export import Publication, export_encoder, to_onnx


@base.command(
    "export",
    examples=[
        "cwamsn export results/demo cwa-msn --to exported/cwa-msn",
        "cwamsn export demo cwa-msn --seed 1 --to exported/cwa-msn --onnx exported/cwa-msn.onnx --licence cc-by-4.0",
    ],
)
@click.argument("run", type=str)
@click.argument("method", type=str)
@click.option("--to", type=base.PATH, required=True, help="Folder to write; new or empty.")
@click.option("--seed", type=int, help="Which training.  [default: the only one, else that of seed 0]")
@click.option("--network", type=click.Choice(["target", "anchor"]), help="Which of the two encoders.")
@click.option("--title", help="Title of the model card.")
@click.option("--licence", help="Terms of the weights, as the hub names them (cc-by-4.0).")
@click.option("--data-terms", help="Terms of the images it was trained on.  [default: those known]")
@click.option("--onnx", type=base.PATH, help="Write the encoder as ONNX too.")
def command(
    run: str,
    method: str,
    *,
    to: Path,
    seed: int | None,
    network: str | None,
    title: str | None,
    licence: str | None,
    data_terms: str | None,
    onnx: Path | None,
) -> Answer:
    """Export a trained encoder as a folder that loads without this package.

    RUN is the folder of a run or its name below results/. The folder is in the layout of the Hugging Face hub: weights,
    configuration, preprocessing, a model card with the run's scores, and a file that loads it with torch, and with timm
    where the network is one of timm's.
    """
    results = _results(run)
    folder = _training(results, method, seed)
    config = read_configuration(results / "provenance.json")
    entry = (config.get("definitions") or {}).get(method) or {}
    section = embedding_of_method(config["embedding"], method, entry.get("embedding")) if "embedding" in config else {}
    embedding = EmbedOptions.from_config(section | ({"encoder": network} if network else {}))
    scores = results / "scores.parquet"
    publication = Publication(
        title=title or str(entry.get("title") or method),
        licence=licence,
        data_terms=data_terms,
        scores=scores if scores.is_file() else None,
        method=method if scores.is_file() else None,
    )
    trained = (config.get("screens") or {}).get(config.get("training_screen")) or {}
    crops = crops_of(CropOptions.from_config(config.get("crops") or {}), trained.get("crops"))
    export_encoder(folder, to, crops=crops, embedding=embedding, publication=publication)
    written = [str(to / path.name) for path in sorted(to.iterdir())]
    if onnx is not None:
        written.append(str(to_onnx(folder, onnx, embedding)))
    lines = [f"{folder} exported to {to}", *(f"  {name}" for name in written)]
    if publication.scores is None:
        lines.append(f"{results} has no scores.parquet: the model card holds no scores")
    return Answer({"from": folder, "to": to, "files": written}, lines)


def _results(run: str) -> Path:
    for path in (Path(run), Path("results") / run):
        if (path / "models").is_dir():
            return path
    if (Path(run) / "encoder.json").is_file():
        raise InputError(f"{run}: is one encoder; name the run's folder (above models/) and the method")
    near = [path.parent.name for path in sorted(Path("results").glob("*/models"))]
    raise InputError(f"{run}: is no run with trained encoders; {nearest(run, near)}")


def _training(results: Path, method: str, seed: int | None) -> Path:
    """Folder of one training of a method."""
    known = sorted(path.parent.name for path in results.glob("models/*/seed*") if path.is_dir())
    if method not in known:
        raise InputError(f"{results}: has no encoder of {method!r}; {nearest(method, dict.fromkeys(known))}")
    seeds = sorted(int(path.name.removeprefix("seed")) for path in (results / "models" / method).glob("seed*"))
    chosen = seed if seed is not None else seeds[0] if len(seeds) == 1 else 0
    if chosen not in seeds:
        raise InputError(f"{results}: {method} has no seed {chosen}; it has {', '.join(map(str, seeds))}")
    return results / "models" / method / f"seed{chosen}"
