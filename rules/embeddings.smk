"""Stage embeddings: vectors of a screen's wells, or a finished map, by a method of any kind."""


rule embed:
    """Every well of a screen through an encoder, trained here or elsewhere."""
    input:
        encoder=plan.model().weights,
        meta=plan.model().description,
        crops=plan.screen().crops,
        statistics=plan.screen().statistics,
        wells=plan.screen().wells,
    output:
        embeddings=plan.embeddings(),
        counts=counts_of(plan.embeddings()),
        notes=notes_of(plan.embeddings()),
    log:
        plan.log("embeddings/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("embeddings/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(TRAINED),
    conda:
        "../envs/embeddings.yaml"
    threads: embedding_threads
    resources:
        mem_mb=embedding_mem_mb(2000),
        runtime=runtime(config["embedding"]["runtime_minutes"]),
        gpu=embedding_gpus,
    params:
        entry=of(needs.entry_of_embeddings),
        options=of(needs.embedding_options),
        keep=of(needs.kept_wells),
        max_missing_share=of(needs.missing_share),
    script:
        "../workflow_scripts/embeddings_embed.py"


use rule embed as encoder_embedding with:
    input:
        encoder=of(needs.encoder_weights),
        meta=of(needs.encoder_description),
        crops=plan.screen().crops,
        statistics=plan.screen().statistics,
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(ENCODER),


use rule embed as pretrained_embedding with:
    input:
        weights=of(needs.weights),
        crops=plan.screen().crops,
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(PRETRAINED),
    conda:
        "../envs/pretrained.yaml"
    resources:
        mem_mb=embedding_mem_mb(4000),
        runtime=runtime(config["embedding"]["runtime_minutes"]),
        gpu=embedding_gpus,
    params:
        entry=of(needs.entry_of_embeddings),
        options=of(needs.embedding_options),
        keep=of(needs.kept_wells),
        max_missing_share=of(needs.missing_share),
        accept=config["accept_noncommercial_licence"],


rule untrained_embedding:
    """Some wells of a screen through the network of a method as it is before training."""
    input:
        encoder=plan.model().weights,
        meta=plan.model().description,
        crops=plan.screen().crops,
        statistics=plan.screen().statistics,
        wells=plan.screen().wells,
    output:
        embeddings=plan.untrained(),
        counts=counts_of(plan.untrained()),
        notes=notes_of(plan.untrained()),
    log:
        plan.log("untrained/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("untrained/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(TRAINED),
    conda:
        "../envs/embeddings.yaml"
    threads: embedding_threads
    resources:
        mem_mb=embedding_mem_mb(2000),
        runtime=runtime(60),
        gpu=embedding_gpus,
    params:
        entry=of(needs.entry_of_embeddings),
        options=of(needs.embedding_options),
        sample=needs.twin_sample(),
    script:
        "../workflow_scripts/embeddings_untrained.py"


use rule untrained_embedding as encoder_untrained with:
    input:
        encoder=of(needs.encoder_weights),
        meta=of(needs.encoder_description),
        crops=plan.screen().crops,
        statistics=plan.screen().statistics,
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(ENCODER),


use rule untrained_embedding as pretrained_untrained with:
    input:
        weights=of(needs.weights),
        crops=plan.screen().crops,
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(PRETRAINED),
    conda:
        "../envs/pretrained.yaml"
    resources:
        mem_mb=embedding_mem_mb(4000),
        runtime=runtime(60),
        gpu=embedding_gpus,
    params:
        entry=of(needs.entry_of_embeddings),
        options=of(needs.embedding_options),
        sample=needs.twin_sample(),
        accept=config["accept_noncommercial_licence"],


rule random_embedding:
    """Vectors that no network computes: random numbers, a simulated screen's truth, those of a file, measured features."""
    input:
        wells=plan.screen().wells,
    output:
        embeddings=plan.embeddings(),
        counts=counts_of(plan.embeddings()),
        notes=notes_of(plan.embeddings()),
    log:
        plan.log("embeddings/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("embeddings/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(RANDOM),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(30),
    params:
        entry=of(needs.entry_of_embeddings),
        keep=of(needs.kept_wells),
    script:
        "../workflow_scripts/embeddings_embed.py"


use rule random_embedding as latent_embedding with:
    input:
        truth=of(needs.simulated_truth),
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(LATENT),


use rule random_embedding as import_embedding with:
    input:
        file=of(needs.embedding_file),
        table=of(needs.embedding_table),
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(*EMBEDDING_FILES),
    params:
        entry=of(needs.entry_of_embeddings),
        keep=of(needs.kept_wells),
        max_missing_share=of(needs.missing_share),


use rule import_embedding as handcrafted_embedding with:
    input:
        units=of(needs.features_of_units),
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(HANDCRAFTED),


rule handcrafted_unit:
    """Measured features of the wells of one unit of a screen."""
    input:
        crops=plan.screen().unit().index,
        shards=plan.screen().unit().shards,
    output:
        features=plan.unit_features(),
    log:
        plan.log("embeddings/{screen}/{method}/units/{unit}"),
    benchmark:
        plan.usage("embeddings/{screen}/{method}/units/{unit}")
    wildcard_constraints:
        method=plan.pattern(HANDCRAFTED),
    conda:
        "../envs/handcrafted.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(600),
    params:
        entry=of(needs.entry_of_embeddings),
    script:
        "../workflow_scripts/embeddings_handcrafted_unit.py"


rule import_map:
    """A finished map from a file, one vector per perturbation."""
    input:
        file=of(needs.embedding_file),
        table=of(needs.embedding_table),
    output:
        map=plan.map(),
        notes=notes_of(plan.embeddings()),
    log:
        plan.log("embeddings/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("embeddings/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(MAP),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(10),
    params:
        entry=of(needs.entry_of_embeddings),
    script:
        "../workflow_scripts/embeddings_import_map.py"
