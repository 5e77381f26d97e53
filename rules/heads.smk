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
