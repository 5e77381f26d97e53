"""Input functions and constants of stage embeddings."""

from cwamsn.config import embedding_of_method
from cwamsn.methods import method_of


def evaluation(name):
    """Input function: a file of the evaluation screen."""

    def path(wildcards):
        if config["evaluation_screen"] is None:
            raise WorkflowError(
                "evaluation_screen: is missing; name one of the screens, or give rows as kind: map"
            )
        return f"{DATA}/{config['evaluation_screen']}/{name}"

    return path


def embedding_of(wildcards):
    """Input function: a row's embeddings. Rows that are finished maps have none."""
    if row_kind(wildcards.model) == "map":
        raise WorkflowError(
            f"row {wildcards.model}: is a finished map, it has no embeddings of wells"
        )
    return f"{RESULTS}/embeddings/{wildcards.model}/seed{wildcards.seed}.parquet"


def embedding_file(wildcards):
    """Input function: the file that a released or a user's own row names."""
    entry = row_entry(wildcards.model)
    screen = config["evaluation_screen"]
    if entry.get("file") and not entry["path"] and screen:
        return f"{DATA}/{screen}/{entry['file']}"
    if not entry["path"]:
        where = f"; published at {entry['url']}" if entry.get("url") else ""
        raise WorkflowError(
            f"models.{wildcards.model}.path: is missing; give the path of a local copy{where}"
        )
    return entry["path"]


def embedding_entry(wildcards):
    """Keys of a method's entry that its embeddings depend on."""
    return method_of(
        wildcards.model, row_entry(wildcards.model), SEEDS
    ).entry_of_embeddings


def embedding_options(wildcards):
    """Options of a row's embedding, without those of how a job is run."""
    row = wildcards.model
    try:
        return embedding_of_method(
            config["embedding"], row, row_entry(row)["embedding"]
        )
    except InputError as error:
        raise WorkflowError(str(error))


def embedding_gpus(wildcards):
    """The resource `gpu` of a job that embeds images."""
    return gpus_of("embedding", embedding_options(wildcards)["device"])


def embedding_mem_mb(base):
    """Memory of a job that embeds images; CUDA's libraries alone take gigabytes of it."""
    return lambda wildcards, attempt: mem_mb(
        base + 4000 * bool(embedding_gpus(wildcards))
    )(wildcards, attempt)


def weights_file(wildcards):
    """Local weight files that a pretrained row names. None where its weights are fetched."""
    entry = row_entry(wildcards.model)
    return [entry[key] for key in ("path", "backbone_path") if entry[key]]


def of_evaluation_parts(pattern):
    """Input function: `pattern` for each part of the evaluation screen."""

    def paths(wildcards):
        screen = config["evaluation_screen"]
        names = screen_parts(screen) if screen else []
        return expand(pattern, part=names, model=wildcards.model)

    return paths


def evaluation_part(suffix):
    """Input function: a part of the evaluation screen's crops."""
    return (
        lambda wildcards: f"{DATA}/{config['evaluation_screen']}/crops/{wildcards.part}{suffix}"
    )


def simulated_truth(wildcards):
    """Ground truth of the evaluation screen, which only a simulated one has."""
    screen = config["evaluation_screen"]
    if not screen or not SCREENS[screen]["source"].startswith("simulated-"):
        raise WorkflowError(
            "rows of kind latent and the benchmark latent_probe need a simulated evaluation screen; leave them out"
        )
    return f"{DATA}/{screen}/host/truth/wells.parquet"
