"""Stage benchmarks: one rule a benchmark, then all scores of the run in one table."""

EVALUATION = f"{DATA}/{config['evaluation_screen']}"
MAP = f"{RESULTS}/maps/{{model}}/seed{{seed}}.parquet"
EMBEDDINGS = f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet"
WELLS = f"{EVALUATION}/wells.parquet"
SCORES = f"{RESULTS}/scores/{{model}}/seed{{seed}}"


def fixed_columns(benchmark):
    """Columns of the scores table that are the same in every row of a benchmark's file."""

    def columns(wildcards):
        given = row_kind(wildcards.model) == "map"
        alignment = None if given else config["alignment"]["method"]
        fixed = dict(
            model=wildcards.model,
            seed=int(wildcards.seed),
            benchmark=benchmark,
            alignment=alignment,
        )
        return {"run": config["run"], **fixed}

    return columns


def split_half_input(wildcards):
    """Wells and embeddings for the noise ceiling; none for a finished map."""
    if (
        row_kind(wildcards.model) == "map"
        or not config["gene_gene"]["split_half_repeats"]
    ):
        return {}
    return dict(embeddings=EMBEDDINGS.format(**wildcards), wells=WELLS)


def is_in_sample(wildcards):
    """Whether the row was trained on the screen that it is scored on."""
    trained = (
        row_kind(wildcards.model) == "trained"
        and config["training_screen"] == config["evaluation_screen"]
    )
    return trained or bool(row_entry(wildcards.model).get("sees_evaluation_screen"))


def score_files(wildcards):
    """Score files of every row: what `benchmarks` lists; of a finished map, gene-gene alone."""
    return [
        f"{RESULTS}/scores/{row}/seed{seed}/{benchmark}.scores.parquet"
        for row in ROWS
        for seed in row_seeds(row)
        for benchmark in config["benchmarks"]
        if row_kind(row) != "map" or benchmark == "gene_gene"
    ]


rule gene_gene:
    input:
        unpack(split_half_input),
        map=MAP,
    output:
        table=f"{SCORES}/gene_gene.parquet",
        scores=f"{SCORES}/gene_gene.scores.parquet",
    log:
        log_path("gene_gene/{model}/seed{seed}"),
    benchmark:
        usage_path("gene_gene/{model}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(15),
    params:
        options=config["gene_gene"],
        alignment=config["alignment"],
        bootstrap=config["bootstrap"],
        fixed=fixed_columns("gene_gene"),
    script:
        "../workflow_scripts/benchmarks_gene_gene.py"


rule compound_gene:
    input:
        map=MAP,
        wells=WELLS,
        truth=config["compound_gene"]["truth"]
        or f"{EVALUATION}/compound_gene_truth.csv",
    output:
        table=f"{SCORES}/compound_gene.parquet",
        scores=f"{SCORES}/compound_gene.scores.parquet",
    log:
        log_path("compound_gene/{model}/seed{seed}"),
    benchmark:
        usage_path("compound_gene/{model}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(15),
    params:
        options=config["compound_gene"],
        concentrations=config["alignment"]["concentrations"],
        bootstrap=config["bootstrap"],
        fixed=fixed_columns("compound_gene"),
    script:
        "../workflow_scripts/benchmarks_compound_gene.py"


rule plate_probe:
    input:
        embeddings=EMBEDDINGS,
        wells=WELLS,
    output:
        table=f"{SCORES}/plate_probe.parquet",
        scores=f"{SCORES}/plate_probe.scores.parquet",
    log:
        log_path("plate_probe/{model}/seed{seed}"),
    benchmark:
        usage_path("plate_probe/{model}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: config["plate_probe"]["threads"]
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(60),
    params:
        options=config["plate_probe"],
        alignment=config["alignment"],
        fixed=fixed_columns("plate_probe"),
    script:
        "../workflow_scripts/benchmarks_plate_probe.py"


rule replicate_map:
    input:
        embeddings=EMBEDDINGS,
        wells=WELLS,
    output:
        table=f"{SCORES}/replicate_map.parquet",
        scores=f"{SCORES}/replicate_map.scores.parquet",
    log:
        log_path("replicate_map/{model}/seed{seed}"),
    benchmark:
        usage_path("replicate_map/{model}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(60),
    params:
        options=config["replicate_map"],
        alignment=config["alignment"],
        in_sample=is_in_sample,
        fixed=fixed_columns("replicate_map"),
    script:
        "../workflow_scripts/benchmarks_replicate_map.py"


rule signal:
    input:
        embeddings=EMBEDDINGS,
        wells=WELLS,
    output:
        table=f"{SCORES}/signal.parquet",
        scores=f"{SCORES}/signal.scores.parquet",
    log:
        log_path("signal/{model}/seed{seed}"),
    benchmark:
        usage_path("signal/{model}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(60),
    params:
        options=config["signal"],
        alignment=config["alignment"],
        fixed=fixed_columns("signal"),
    script:
        "../workflow_scripts/benchmarks_signal.py"


rule gather_scores:
    input:
        score_files,
    output:
        f"{RESULTS}/scores.parquet",
    log:
        log_path("gather_scores"),
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(5),
    params:
        rows=ROWS,
    script:
        "../workflow_scripts/benchmarks_gather.py"


rule scores:
    input:
        f"{RESULTS}/scores.parquet",
