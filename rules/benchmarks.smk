"""Stage benchmarks: one rule a benchmark, then all scores of the run in one table."""


include: "inputs/benchmarks.smk"


rule gene_gene:
    input:
        unpack(gene_gene_wells),
        map=MAP,
    output:
        table=f"{SCORES}/gene_gene.parquet",
        scores=f"{SCORES}/gene_gene.scores.parquet",
        notes=f"{SCORES}/gene_gene.notes.json",
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
        alignment=alignment_of,
        bootstrap=config["bootstrap"],
        fixed=fixed_columns("gene_gene"),
    script:
        "../workflow_scripts/benchmarks_gene_gene.py"


use rule gene_gene as gene_gene_otherwise with:
    input:
        unpack(gene_gene_wells),
        map=f"{RESULTS}/maps/{{model}}/seed{{seed}}.{{alignment}}.parquet",
    output:
        table=f"{SCORES}/{{alignment}}/gene_gene.parquet",
        scores=f"{SCORES}/{{alignment}}/gene_gene.scores.parquet",
        notes=f"{SCORES}/{{alignment}}/gene_gene.notes.json",
    log:
        log_path("gene_gene/{model}/seed{seed}.{alignment}"),
    benchmark:
        usage_path("gene_gene/{model}/seed{seed}.{alignment}")
    wildcard_constraints:
        alignment=r"[a-z][a-z@0-9-]*",


rule compound_gene:
    input:
        unpack(training_wells),
        map=MAP,
        wells=WELLS,
        truth=TRUTH,
    output:
        table=f"{SCORES}/compound_gene.parquet",
        scores=f"{SCORES}/compound_gene.scores.parquet",
        notes=f"{SCORES}/compound_gene.notes.json",
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
        concentrations=DOSES,
        bootstrap=config["bootstrap"],
        fixed=fixed_columns("compound_gene"),
    script:
        "../workflow_scripts/benchmarks_compound_gene.py"


use rule compound_gene as compound_gene_otherwise with:
    input:
        unpack(training_wells),
        map=f"{RESULTS}/maps/{{model}}/seed{{seed}}.{{alignment}}.parquet",
        wells=WELLS,
        truth=TRUTH,
    output:
        table=f"{SCORES}/{{alignment}}/compound_gene.parquet",
        scores=f"{SCORES}/{{alignment}}/compound_gene.scores.parquet",
        notes=f"{SCORES}/{{alignment}}/compound_gene.notes.json",
    log:
        log_path("compound_gene/{model}/seed{seed}.{alignment}"),
    benchmark:
        usage_path("compound_gene/{model}/seed{seed}.{alignment}")
    wildcard_constraints:
        alignment=r"[a-z][a-z@0-9-]*",


rule plate_probe:
    input:
        embeddings=EMBEDDINGS,
        wells=WELLS,
    output:
        table=f"{SCORES}/plate_probe.parquet",
        scores=f"{SCORES}/plate_probe.scores.parquet",
        notes=f"{SCORES}/plate_probe.notes.json",
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
        alignment=alignment_of,
        fixed=fixed_columns("plate_probe"),
    script:
        "../workflow_scripts/benchmarks_plate_probe.py"


rule replicate_map:
    input:
        unpack(target_input),
        embeddings=EMBEDDINGS,
        wells=WELLS,
    output:
        table=f"{SCORES}/replicate_map.parquet",
        scores=f"{SCORES}/replicate_map.scores.parquet",
        notes=f"{SCORES}/replicate_map.notes.json",
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
        alignment=alignment_of,
        in_sample=is_in_sample,
        fixed=fixed_columns("replicate_map"),
    script:
        "../workflow_scripts/benchmarks_replicate_map.py"


rule perturbation_signal:
    input:
        embeddings=EMBEDDINGS,
        wells=WELLS,
    output:
        table=f"{SCORES}/signal.parquet",
        scores=f"{SCORES}/signal.scores.parquet",
        notes=f"{SCORES}/signal.notes.json",
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
        alignment=alignment_of,
        fixed=fixed_columns("signal"),
    script:
        "../workflow_scripts/benchmarks_signal.py"


rule latent_probe:
    """What can be read of a simulated screen's phenotype and nuisance."""
    input:
        embeddings=EMBEDDINGS,
        wells=WELLS,
        truth=simulated_truth,
    output:
        scores=f"{SCORES}/latent_probe.scores.parquet",
        notes=f"{SCORES}/latent_probe.notes.json",
    log:
        log_path("latent_probe/{model}/seed{seed}"),
    benchmark:
        usage_path("latent_probe/{model}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(30),
    params:
        fixed=fixed_columns("latent_probe"),
    script:
        "../workflow_scripts/benchmarks_latent_probe.py"


rule compare_rows:
    """How much one row scores above another, with intervals on the same resamples."""
    input:
        unpack(comparison_input),
        first=MAP,
    output:
        scores=f"{SCORES}/minus_{{other}}.scores.parquet",
        notes=f"{SCORES}/minus_{{other}}.notes.json",
    log:
        log_path("compare_rows/{model}-{other}/seed{seed}"),
    benchmark:
        usage_path("compare_rows/{model}-{other}/seed{seed}")
    wildcard_constraints:
        other=r"[A-Za-z0-9_.-]+",
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(15),
    params:
        gene_gene=config["gene_gene"],
        compound_gene=config["compound_gene"],
        concentrations=DOSES,
        bootstrap=config["bootstrap"],
        fixed=fixed_columns("comparison"),
    script:
        "../workflow_scripts/benchmarks_compare.py"


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
