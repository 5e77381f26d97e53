"""`cwamsn align PROFILES`."""

from pathlib import Path

import click

from cwamsn.alignment import AlignOptions
from cwamsn.cli import base
from cwamsn.cli._profiles import profiles_at
from cwamsn.cli.output import Answer
from cwamsn.errors import InputError
from cwamsn.heads import HeadOptions, learn_on_profiles, load_head, save_head, with_head
from cwamsn.heads.options import LOSSES, TARGETS
from cwamsn.hits.positions import note_positions
from cwamsn.profiles import LEARNED_ON, Profiles, align_profiles, wells_of
from cwamsn.profiles.write import check_suffix, write_profiles

DEFAULT = HeadOptions()


@base.command(
    "align",
    examples=[
        "cwamsn align profiles/ --method sphering --out aligned.h5ad",
        "cwamsn align profiles/ --learn --out learned.h5ad --head head/",
        "cwamsn align cellprofiler.parquet --learn --residual --target-from plate --out learned.h5ad",
        "cwamsn align other_profiles/ --head head/ --out learned.h5ad",
    ],
)
@click.argument("profiles", type=base.PATH)
@click.option("--out", type=base.PATH, required=True, help="Profiles with the alignment: .h5ad, .parquet, .csv, .tsv.")
@click.option("--method", help="An alignment on the negative controls, or a recipe (docs/benchmarks.md).")
@click.option("--learn", is_flag=True, help="Learn a head from replicates.")
@click.option("--head", type=base.PATH, help="Folder of a head: written with --learn, else applied.")
@click.option("--on", "alignment", help="Which vectors of the profiles to take.  [default: the first alignment]")
@click.option("--loss", type=click.Choice(LOSSES), default=DEFAULT.loss, show_default=True, help="What is learned.")
@click.option(
    "--target-from",
    type=click.Choice(TARGETS),
    default=DEFAULT.target_from,
    show_default=True,
    help="Where the second well of a pair comes from.",
)
@click.option("--layers", type=click.IntRange(1, 2), default=DEFAULT.layers, show_default=True, help="Of the head.")
@click.option("--residual", is_flag=True, help="Add the head to the features, so that it starts as the identity.")
@click.option("--features", "output", type=click.IntRange(2), default=DEFAULT.output, help="Features that come out.")
@click.option("--steps", type=click.IntRange(1), default=DEFAULT.steps, show_default=True, help="Steps at most.")
@click.option("--seed", type=int, default=DEFAULT.seed, show_default=True, help="Seed of everything that is drawn.")
def command(
    profiles: Path,
    *,
    out: Path,
    method: str | None,
    learn: bool,
    head: Path | None,
    alignment: str | None,
    loss: str,
    target_from: str,
    layers: int,
    residual: bool,
    output: int,
    steps: int,
    seed: int,
) -> Answer:
    """Align profiles: on their controls, or by a head that is learned from replicates.

    PROFILES is the folder that `cwamsn embed` wrote, or a table of profiles of wells. A head is a small network on the
    features, trained as CWA-MSN trains an encoder: a well is to predict another well of its perturbation. Some
    perturbations are held out and say when to stop, and whether it helps at all. See docs/heads.md.
    """
    if sum((method is not None, learn, head is not None and not learn)) != 1:
        raise InputError("align: give one of --method NAME, --learn, or --head FOLDER of a head to apply")
    check_suffix(out)
    found = profiles_at(profiles, names=("profiles.h5ad", "wells.parquet"))
    if method is not None:
        aligned = align_profiles(found, method, AlignOptions())
        return _written(aligned, out, {"method": method}, [f"aligned by {method}"])
    if not learn:
        assert head is not None
        return _applied(found, head, alignment, out)
    options = HeadOptions(
        loss=loss,
        target_from=target_from,
        layers=layers,
        residual=residual,
        output=output,
        steps=steps,
        seed=seed,
    )
    shared = note_positions(wells_of(found.obs))
    aligned, trained = learn_on_profiles(found, options, alignment)
    if head is not None:
        about = {"names": list(found.names), "on": found.alignment(alignment), "profiles": str(profiles)}
        save_head(trained, options, head, about)
    value = {
        "trained_on": len(trained.trained_on),
        "validated_on": len(trained.validated_on),
        "precision_before": trained.before,
        "precision_scaled": trained.scaled,
        "precision_after": trained.after,
        "better": trained.better,
        "steps": trained.steps,
        "shared_positions": shared,
    }
    lines = [
        f"learned on {len(trained.trained_on)} perturbations in {trained.steps} steps; replicates of "
        f"{len(trained.validated_on)} others across plates: mean average precision {trained.before:.3f} before, "
        f"{trained.scaled:.3f} with each feature scaled, {trained.after:.3f} after",
        *([f"head: {head}"] if head is not None else []),
    ]
    return _written(aligned, out, value, lines)


def _applied(found: Profiles, folder: Path, alignment: str | None, out: Path) -> Answer:
    head, known = load_head(folder)
    about = known["about"]
    assert isinstance(about, dict)
    if about.get("names") not in (None, list(found.names)):
        raise InputError(
            f"{folder}: was learned on other features ({len(about['names'])}, the first {about['names'][0]}; these are "
            f"{len(found.names)}, the first {found.names[0]}); give profiles of the same encoder"
        )
    chosen = found.alignment(alignment or about.get("on"))
    trained, validated = known["trained_on"], known["validated_on"]
    assert isinstance(trained, list) and isinstance(validated, list)
    said = {"on": chosen, "head": known["weights_sha256"], "perturbations_trained_on": len(trained)}
    aligned = with_head(found, head, trained, validated, chosen, said)
    seen = int((aligned.obs[LEARNED_ON] == "training").sum())
    line = f"applied the head of {folder}; it was trained on the perturbations of {seen} of {len(found)} wells"
    return _written(aligned, out, {"head": folder, "wells_trained_on": seen}, [line])


def _written(aligned: Profiles, out: Path, value: dict[str, object], lines: list[str]) -> Answer:
    write_profiles(aligned, out)
    return Answer({**value, "profiles": len(aligned), "out": out}, [*lines, f"written to {out}"])
