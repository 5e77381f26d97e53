"""Stage embeddings."""


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


rule embed:
    """Every well of the evaluation screen through an encoder trained here."""
    input:
        encoder=f"{RESULTS}/models/{{model}}/seed{{seed}}/encoder.safetensors",
        meta=f"{RESULTS}/models/{{model}}/seed{{seed}}/encoder.json",
        crops=evaluation("crops.parquet"),
        statistics=evaluation("statistics.json"),
        wells=evaluation("wells.parquet"),
    output:
        embeddings=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet",
        counts=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.json",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("trained"),
    conda:
        "../envs/embeddings.yaml"
    threads: config["embedding"]["threads"]
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(240),
    params:
        options=config["embedding"],
        max_missing_share=config["max_missing_share"],
    script:
        "../workflow_scripts/embeddings_embed.py"


rule random_embedding:
    """Gaussian vectors, the row of chance."""
    input:
        wells=evaluation("wells.parquet"),
    output:
        embeddings=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet",
        counts=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.json",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("random"),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(10),
    params:
        dimension=lambda wildcards: row_entry(wildcards.model)["dimension"],
    script:
        "../workflow_scripts/embeddings_random.py"


rule import_embedding:
    """Embeddings of a released row or of the user's own file, matched with the evaluation screen's wells."""
    input:
        file=embedding_file,
        wells=evaluation("wells.parquet"),
    output:
        embeddings=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet",
        counts=f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.json",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("wells", "released"),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(20),
    params:
        entry=lambda wildcards: row_entry(wildcards.model),
        max_missing_share=config["max_missing_share"],
    script:
        "../workflow_scripts/embeddings_import.py"


rule import_map:
    """A finished map of the user's, one vector a perturbation."""
    input:
        file=embedding_file,
    output:
        map=f"{RESULTS}/maps/{{model}}/seed{{seed}}.parquet",
    log:
        log_path("embeddings/{model}/seed{seed}"),
    benchmark:
        usage_path("embeddings/{model}/seed{seed}")
    wildcard_constraints:
        model=rows_of_kind("map"),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(10),
    params:
        entry=lambda wildcards: row_entry(wildcards.model),
    script:
        "../workflow_scripts/embeddings_import_map.py"
