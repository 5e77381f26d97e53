"""The model card of an exported encoder, from what its training and its run wrote down."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cwamsn import tables
from cwamsn.encoder_files import ENCODER, TRAINING, trained_on
from cwamsn.errors import InputError
from cwamsn.exposure import SEEN
from cwamsn.models import FILTER_BANK

# Terms of the images of a source, as docs/data.md has them.
TERMS = {
    "bray": "CC0 1.0 (public domain)",
    "rxrx3-core": "Recursion's non-commercial terms (RxRx3-core)",
}
SIMULATED = "The images were simulated: the encoder has seen no cell. It shows that a workflow runs, and nothing else."
CITATION = (
    "Efficient Cell Painting Image Representation Learning via Cross-Well Aligned Masked Siamese Network; weights "
    "trained with cwamsn {version}. Cite the screen's own publication too."
)


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What a model card says beside what the training knows."""

    title: str = "Cell Painting encoder"
    licence: str | None = None
    """Terms of the weights, an identifier of the hub (`cc-by-4.0`); None: not stated."""
    data_terms: str | None = None
    """Terms of the images it was trained on; None: those known of the screen's source."""
    scores: str | Path | None = None
    """Scores table of a run (`results/<run>/scores.parquet`)."""
    perturbations: bool = True
    """Whether the folder names the perturbations and plates of the training. Without them nobody can tell which
    compounds it had seen; for screens whose compounds are not to be known."""
    method: str | None = None
    """The method of the table that this encoder is."""


def model_card(config: Mapping[str, Any], preprocessing: Mapping[str, Any], publication: Publication) -> str:
    """Content of `README.md`: YAML front matter, and sections.

    Parameters
    ----------
    config, preprocessing : content of `config.json` and `preprocessing.json`
    publication : title, terms and scores

    Raises
    ------
    InputError
        The scores table does not hold the method.
    """
    training = config[TRAINING]
    simulated = bool((training.get("training_screen") or {}).get("simulated"))
    front = {
        "library_name": "timm" if _by_timm(config) else "pytorch",
        "tags": ["cell-painting", "microscopy", "representation-learning", *(["simulated"] if simulated else [])],
        "pipeline_tag": "image-feature-extraction",
    } | ({"license": publication.licence} if publication.licence else {})
    sections = [
        f"# {publication.title}",
        *([f"**{SIMULATED}**"] if simulated else []),
        _use(config),
        _training(training, publication, simulated),
        _scores(publication, training.get("seed")),
        _limits(config, preprocessing),
        "## Citation\n\n" + CITATION.format(version=config["written_by"]["cwamsn"]),
    ]
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n" + "\n\n".join(filter(None, sections)) + "\n"


def _by_timm(config: Mapping[str, Any]) -> bool:
    """Whether the network is built by timm; a filter bank is written out in the loader."""
    return bool(config["architecture"] != FILTER_BANK)


def _use(config: Mapping[str, Any]) -> str:
    channels, size = ", ".join(config["channels"]), config["input_size"]
    if ENCODER in config:
        listed = json.dumps(config["channels"])
        text = f"Any number of channels; those of the training: {channels}. Input: {size} x {size} pixels."
        load = f"load_encoder(channels={listed})  # those of your images, in order"
        architecture = f"{config[ENCODER]} around {config['architecture']}"
    else:
        text = f"Channels, in order: {channels}. Input: {size} x {size} pixels."
        load, architecture = "load_encoder()", config["architecture"]
    needed = "timm, torch and safetensors" if _by_timm(config) else "torch and safetensors"
    return f"""## Use

{architecture}, {config["num_features"]} features: the {config["features"][config["feature"]]}. {text}

```python
from load_encoder import load_encoder, normalised  # in this folder; needs {needed}

encoder, config = {load}
features = encoder(normalised(images, mean, std, config["input_size"]))  # uint8 (B, C, H, W); statistics of your screen
```

`preprocessing.json` says how images become 8-bit and which view of them was used. In cwamsn this folder is a method:
`definitions: {{ours: {{kind: encoder, path: this/folder}}}}`."""


def _training(training: Mapping[str, Any], publication: Publication, simulated: bool) -> str:
    recipe, screen = training["recipe"], training.get("training_screen") or {}
    known = "none: simulated" if simulated else TERMS.get(screen.get("source") or "")
    terms = publication.data_terms or known or "not known; ask whoever owns the screen"
    lines = {
        "Screen": trained_on(training),
        "Terms of its images": terms,
        "Terms of the weights": publication.licence or "not stated; ask whoever gave them to you",
        "Images": training.get("images"),
        "Perturbations": len(training[SEEN]["perturbations"]) if SEEN in training else None,
        "Objective": f"{recipe['objective']}, pairs from {recipe['target_from']}",
        "Steps": training.get("steps"),
        "Batch": recipe["batch_size"],
        "Seed": training.get("seed"),
        "Device": f"{training.get('device')}, {training.get('precision')}",
        "Weights of the training, SHA-256": training["weights_sha256"],
        "Crops, SHA-256": training.get("data_sha256", {}).get("crops"),
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in lines.items() if value is not None)
    return f"## Training\n\n| | |\n|---|---|\n{rows}\n\nThe whole recipe: `config.json`, key `training.recipe`."


def _scores(publication: Publication, seed: int | None) -> str:
    """The scores of this encoder: of its method, and of its seed where the training names one."""
    if publication.scores is None:
        return ""
    frame = tables.read("scores", publication.scores)
    own = frame[frame["method"] == publication.method]
    if own.empty:
        raise InputError(
            f"{publication.scores}: holds no score of method {publication.method!r}; it has "
            f"{', '.join(sorted(frame['method'].unique()))}"
        )
    if seed is not None and own["seed"].notna().any():
        seeds, own = sorted(own["seed"].dropna().astype(int).unique()), own[own["seed"] == seed]
        if own.empty:
            raise InputError(
                f"{publication.scores}: holds {publication.method!r} of seed {', '.join(map(str, seeds))}, the encoder "
                f"is of seed {seed}; give the scores of its own run"
            )
    rows = "\n".join(_score_rows(own))
    if not rows:
        return ""
    header = (
        "| screen | benchmark | metric | source | value | 95 % interval | n | seed |\n|---|---|---|---|---|---|---|---|"
    )
    return f"## Scores\n\nThose whose benchmark gives an interval by resampling.\n\n{header}\n{rows}"


def _score_rows(scores: Any) -> Iterator[str]:
    """Rows of the scores that have an interval, without comparisons with other methods."""
    if "ci_low" not in scores:
        return
    for row in scores[scores["ci_low"].notna() & (scores["benchmark"] != "comparison")].to_dict("records"):
        parts = (row["source"], row.get("threshold_low"), row.get("concentration"))
        source = ", ".join(str(part) for part in parts if part is not None and part == part)
        number = "" if row["n"] is None or row["n"] != row["n"] else int(row["n"])
        yield (
            f"| {row['screen'] or ''} | {row['benchmark']} | {row['metric']} | {source} | {row['value']:.4f} | "
            f"{row['ci_low']:.4f} to {row['ci_high']:.4f} | {number} | {row['seed']} |"
        )


def _limits(config: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> str:
    named = ", ".join(config["channels"])
    stains = (
        f"Trained on the stains {named}; what its features say of others has to be shown."
        if ENCODER in config
        else f"For the stains {named}, named as above; other stains mean nothing to it."
    )
    if ENCODER in config and config[TRAINING]["recipe"].get("channel_sampling", "none") == "none":
        stains += " It was trained on all of them at once, never on a part."
    if not _by_timm(config) and config["model_args"]["standardise"]:
        stains += (
            "\n- It brings each channel of each image to mean 0 and spread 1 first: a difference in the brightness of "
            "a whole stain hardly reaches its features."
        )
    names = (
        "`config.json` names them, `training.seen_in_training`" if SEEN in config[TRAINING] else "they are not named"
    )
    return f"""## Limits

- {stains}
- For images at about the scale of the training (view `{preprocessing["view"]["name"]}`, {config["input_size"]} pixels).
- Features hold the plate and the batch too: compare wells after an alignment on controls.
- Compounds of its training are known to it ({names}): leave them out where a score should be of unseen ones.
- Not for diagnosis."""
