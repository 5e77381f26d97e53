"""Stage benchmarks: one rule per benchmark, then all scores of the run in one table."""


rule gene_gene:
    input:
        unpack(of(needs.gene_gene)),
        map=plan.map(),
    output:
        table=own_table_of(plan.scores("gene_gene")),
        scores=plan.scores("gene_gene"),
        notes=notes_of(plan.scores("gene_gene")),
    log:
        plan.log("gene_gene/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("gene_gene/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(15),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["gene_gene"],
        alignment=of(needs.alignment),
        bootstrap=config["bootstrap"],
        fixed=of(needs.fixed, benchmark="gene_gene"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_gene_gene.py"


use rule gene_gene as gene_gene_otherwise with:
    input:
        unpack(of(needs.gene_gene)),
        map=plan.map(alignment="{alignment}"),
    output:
        table=own_table_of(plan.scores("gene_gene", alignment="{alignment}")),
        scores=plan.scores("gene_gene", alignment="{alignment}"),
        notes=notes_of(plan.scores("gene_gene", alignment="{alignment}")),
    log:
        plan.log("gene_gene/{screen}/{method}/seed{seed}.{alignment}"),
    benchmark:
        plan.usage("gene_gene/{screen}/{method}/seed{seed}.{alignment}")


rule compound_gene:
    input:
        unpack(of(needs.cells)),
        unpack(of(needs.training_wells)),
        unpack(of(needs.training_elsewhere)),
        map=plan.map(),
        wells=plan.screen().wells,
        truth=of(needs.truth),
    output:
        table=own_table_of(plan.scores("compound_gene")),
        scores=plan.scores("compound_gene"),
        notes=notes_of(plan.scores("compound_gene")),
    log:
        plan.log("compound_gene/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("compound_gene/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(15),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["compound_gene"],
        concentrations=of(needs.doses),
        bootstrap=config["bootstrap"],
        fixed=of(needs.fixed, benchmark="compound_gene"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_compound_gene.py"


use rule compound_gene as compound_gene_otherwise with:
    input:
        unpack(of(needs.cells)),
        unpack(of(needs.cells)),
        unpack(of(needs.training_wells)),
        unpack(of(needs.training_elsewhere)),
        map=plan.map(alignment="{alignment}"),
        wells=plan.screen().wells,
        truth=of(needs.truth),
    output:
        table=own_table_of(plan.scores("compound_gene", alignment="{alignment}")),
        scores=plan.scores("compound_gene", alignment="{alignment}"),
        notes=notes_of(plan.scores("compound_gene", alignment="{alignment}")),
    log:
        plan.log("compound_gene/{screen}/{method}/seed{seed}.{alignment}"),
    benchmark:
        plan.usage("compound_gene/{screen}/{method}/seed{seed}.{alignment}")


rule plate_probe:
    input:
        unpack(of(needs.cells)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        table=own_table_of(plan.scores("plate_probe")),
        scores=plan.scores("plate_probe"),
        notes=notes_of(plan.scores("plate_probe")),
    log:
        plan.log("plate_probe/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("plate_probe/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: config["plate_probe"]["threads"]
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(60),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["plate_probe"],
        alignment=of(needs.alignment),
        fixed=of(needs.fixed, benchmark="plate_probe"),
    script:
        "../workflow_scripts/benchmarks_plate_probe.py"


rule replicate_map:
    input:
        unpack(of(needs.cells)),
        unpack(of(needs.targets)),
        unpack(of(needs.training_elsewhere)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        table=own_table_of(plan.scores("replicate_map")),
        scores=plan.scores("replicate_map"),
        notes=notes_of(plan.scores("replicate_map")),
    log:
        plan.log("replicate_map/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("replicate_map/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(60),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["replicate_map"],
        alignment=of(needs.alignment),
        in_sample=of(needs.is_in_sample),
        fixed=of(needs.fixed, benchmark="replicate_map"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_replicate_map.py"


rule retrieval_at_levels:
    """Replicates at levels of stringency."""
    input:
        unpack(of(needs.cells)),
        unpack(of(needs.training_elsewhere)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        table=own_table_of(plan.scores("retrieval")),
        scores=plan.scores("retrieval"),
        notes=notes_of(plan.scores("retrieval")),
    log:
        plan.log("retrieval/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("retrieval/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: config["retrieval"]["threads"]
    resources:
        mem_mb=mem_mb(6000),
        runtime=runtime(60),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["retrieval"],
        bootstrap=config["bootstrap"],
        alignment=of(needs.alignment),
        in_sample=of(needs.is_in_sample),
        fixed=of(needs.fixed, benchmark="retrieval"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_retrieval.py"


rule enrichment_of_labels:
    """Mechanisms and pathways among the nearest profiles."""
    input:
        unpack(of(needs.cells)),
        unpack(of(needs.labels)),
        unpack(of(needs.training_elsewhere)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        table=own_table_of(plan.scores("enrichment")),
        scores=plan.scores("enrichment"),
        notes=notes_of(plan.scores("enrichment")),
    log:
        plan.log("enrichment/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("enrichment/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: config["enrichment"]["threads"]
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(30),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["enrichment"],
        gene_gene=config["gene_gene"],
        bootstrap=config["bootstrap"],
        alignment=of(needs.alignment),
        in_sample=of(needs.is_in_sample),
        fixed=of(needs.fixed, benchmark="enrichment"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_enrichment.py"


rule matching_of_targets:
    """Compounds, guides and genes that share a target."""
    input:
        unpack(of(needs.cells)),
        unpack(of(needs.known_targets)),
        unpack(of(needs.training_elsewhere)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        table=own_table_of(plan.scores("matching")),
        scores=plan.scores("matching"),
        notes=notes_of(plan.scores("matching")),
    log:
        plan.log("matching/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("matching/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(30),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["matching"],
        bootstrap=config["bootstrap"],
        alignment=of(needs.alignment),
        in_sample=of(needs.is_in_sample),
        fixed=of(needs.fixed, benchmark="matching"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_matching.py"


rule published_protocol:
    """MorphoHELM's scores as its code computes them."""
    input:
        unpack(of(needs.relations)),
        unpack(of(needs.training_elsewhere)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        table=own_table_of(plan.scores("morphohelm")),
        scores=plan.scores("morphohelm"),
        notes=notes_of(plan.scores("morphohelm")),
    log:
        plan.log("morphohelm/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("morphohelm/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: config["retrieval"]["threads"]
    resources:
        mem_mb=mem_mb(6000),
        runtime=runtime(60),
    params:
        of_set=of(needs.published_set),
        shuffles=config["shuffled_labels"],
        bootstrap=config["bootstrap"],
        alignment=of(needs.alignment),
        in_sample=of(needs.is_in_sample),
        fixed=of(needs.fixed, benchmark="morphohelm"),
    script:
        "../workflow_scripts/benchmarks_morphohelm.py"


rule perturbation_signal:
    input:
        unpack(of(needs.cells)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        table=own_table_of(plan.scores("signal")),
        scores=plan.scores("signal"),
        notes=notes_of(plan.scores("signal")),
    log:
        plan.log("signal/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("signal/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(60),
    params:
        minimum_cells=config["minimum_cells"],
        options=config["signal"],
        alignment=of(needs.alignment),
        fixed=of(needs.fixed, benchmark="signal"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_signal.py"


rule embedding_geometry:
    """How many directions an embedding uses, how alike its vectors are, how much training changed."""
    input:
        unpack(of(needs.cells)),
        unpack(of(needs.twin)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        scores=plan.scores("geometry"),
        notes=notes_of(plan.scores("geometry")),
    log:
        plan.log("geometry/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("geometry/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(30),
    params:
        options=config["geometry"],
        alignment=of(needs.alignment),
        fixed=of(needs.fixed, benchmark="geometry"),
    script:
        "../workflow_scripts/benchmarks_geometry.py"


rule latent_probe:
    """What can be read of a simulated screen's phenotype and nuisance."""
    input:
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
        truth=of(needs.simulated_truth),
    output:
        scores=plan.scores("latent_probe"),
        notes=notes_of(plan.scores("latent_probe")),
    log:
        plan.log("latent_probe/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("latent_probe/{screen}/{method}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(30),
    params:
        fixed=of(needs.fixed, benchmark="latent_probe"),
        shuffles=config["shuffled_labels"],
    script:
        "../workflow_scripts/benchmarks_latent_probe.py"


rule compare_methods:
    """How much one method scores above another, with intervals on the same resamples."""
    input:
        unpack(of(needs.comparison)),
    output:
        scores=plan.difference(),
        notes=notes_of(plan.difference()),
    log:
        plan.log("compare_methods/{screen}/{method}-{other}/seed{seed}"),
    benchmark:
        plan.usage("compare_methods/{screen}/{method}-{other}/seed{seed}")
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(15),
    params:
        sections={
            name: config[name] for name in ("gene_gene", "compound_gene", "bootstrap")
        },
        minimum_cells=config["minimum_cells"],
        concentrations=of(needs.doses),
        alignment=of(needs.alignment),
        fixed=of(needs.fixed, benchmark="comparison"),
    script:
        "../workflow_scripts/benchmarks_compare.py"


rule gather_scores:
    input:
        of(needs.gathered_scores),
    output:
        plan.all_scores,
    log:
        plan.log("gather_scores"),
    conda:
        "../envs/benchmarks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(5),
    params:
        methods=plan.names,
    script:
        "../workflow_scripts/benchmarks_gather.py"


rule scores:
    input:
        plan.all_scores,
