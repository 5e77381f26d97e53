"""Heads on frozen features, learned from replicates; and features of another method, aligned."""


rule learn_head:
    """A head on the features of another method. It takes seconds, so a killed job begins again."""
    input:
        unpack(of(heads.to_learn)),
    output:
        weights=plan.model().head,
        description=plan.model().head_description,
        notes=plan.model().notes,
    log:
        plan.log("heads/{method}/seed{seed}"),
    benchmark:
        plan.usage("heads/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(CWA_HEAD),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(60),
    params:
        learning=of(heads.learning),
    script:
        "../workflow_scripts/heads_learn.py"


use rule embed as field_embedding with:
    output:
        embeddings=plan.field_embeddings(),
        counts=counts_of(plan.field_embeddings()),
        notes=notes_of(plan.field_embeddings()),
    log:
        plan.log("fields/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("fields/{screen}/{method}/seed{seed}")
    params:
        by_field=True,
        entry=of(needs.entry_of_embeddings),
        options=of(needs.embedding_options),


use rule field_embedding as encoder_field_embedding with:
    input:
        encoder=of(needs.encoder_weights),
        meta=of(needs.encoder_description),
        crops=plan.screen().crops,
        statistics=plan.screen().statistics,
        wells=plan.screen().wells,
    wildcard_constraints:
        method=plan.pattern(ENCODER),


use rule pretrained_embedding as pretrained_field_embedding with:
    output:
        embeddings=plan.field_embeddings(),
        counts=counts_of(plan.field_embeddings()),
        notes=notes_of(plan.field_embeddings()),
    log:
        plan.log("fields/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("fields/{screen}/{method}/seed{seed}")
    params:
        by_field=True,
        entry=of(needs.entry_of_embeddings),
        options=of(needs.embedding_options),
        accept=config["accept_noncommercial_licence"],


use rule handcrafted_embedding as handcrafted_field_embedding with:
    input:
        units=of(needs.features_of_fields),
        crops=plan.screen().crops,
        wells=plan.screen().wells,
    output:
        embeddings=plan.field_embeddings(),
        counts=counts_of(plan.field_embeddings()),
        notes=notes_of(plan.field_embeddings()),
    log:
        plan.log("fields/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("fields/{screen}/{method}/seed{seed}")
    params:
        by_field=True,
        entry=of(needs.entry_of_embeddings),


use rule handcrafted_unit as handcrafted_unit_of_fields with:
    output:
        features=plan.unit_field_features(),
    log:
        plan.log("fields/{screen}/{method}/units/{unit}"),
    benchmark:
        plan.usage("fields/{screen}/{method}/units/{unit}")
    params:
        by_field=True,
        entry=of(needs.entry_of_embeddings),


rule head_embedding:
    """Features of another method through a head."""
    input:
        unpack(of(heads.features)),
        head=plan.model().head,
        description=plan.model().head_description,
    output:
        embeddings=plan.embeddings(),
        counts=counts_of(plan.embeddings()),
        notes=notes_of(plan.embeddings()),
    log:
        plan.log("embeddings/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("embeddings/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(CWA_HEAD),
    conda:
        "../envs/embeddings.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(30),
    params:
        scale=of(heads.scale),
        max_missing_share=of(needs.missing_share),
    script:
        "../workflow_scripts/heads_apply.py"


rule aligned_embedding:
    """Features of another method, aligned on the controls."""
    input:
        unpack(of(heads.to_align)),
    output:
        embeddings=plan.embeddings(),
        counts=counts_of(plan.embeddings()),
        notes=notes_of(plan.embeddings()),
    log:
        plan.log("embeddings/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("embeddings/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(ALIGNED),
    conda:
        "../envs/alignment.yaml"
    threads: config["alignment"]["threads"]
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(30),
    params:
        alignment=of(heads.alignment),
        options=heads.options(),
    script:
        "../workflow_scripts/heads_align.py"


rule learned_heads:
    """Target: every head of the run."""
    input:
        heads.all_heads(),
