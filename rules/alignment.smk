"""Stage alignment: embeddings of wells to a map of perturbations."""


rule align:
    """The map of the tables' alignment, or of another one."""
    input:
        unpack(of(needs.cells)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        map=plan.map(),
        notes=notes_of(plan.map()),
    log:
        plan.log("alignment/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("alignment/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(*EMBEDDING_WELLS),
    conda:
        "../envs/alignment.yaml"
    threads: config["alignment"]["threads"]
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(30),
    params:
        minimum_cells=config["minimum_cells"],
        method=of(needs.alignment_method),
        options=of(needs.alignment_options),
    script:
        "../workflow_scripts/alignment_align.py"


use rule align as align_otherwise with:
    output:
        map=plan.map(alignment="{alignment}"),
        notes=notes_of(plan.map(alignment="{alignment}")),
    log:
        plan.log("alignment/{screen}/{method}/seed{seed}.{alignment}"),
    benchmark:
        plan.usage("alignment/{screen}/{method}/seed{seed}.{alignment}")


rule control_holdout:
    """Mean and standard deviation of the controls that the alignment was not fitted on."""
    input:
        unpack(of(needs.cells)),
        embeddings=of(needs.wells_embedded),
        wells=plan.screen().wells,
    output:
        report=plan.control_holdout(),
    log:
        plan.log("alignment/{screen}/{method}/seed{seed}.control_holdout"),
    benchmark:
        plan.usage("alignment/{screen}/{method}/seed{seed}.control_holdout")
    conda:
        "../envs/alignment.yaml"
    threads: config["alignment"]["threads"]
    resources:
        mem_mb=mem_mb(2500),
        runtime=runtime(30),
    params:
        method=of(needs.alignment_method),
        options=of(needs.alignment_options),
    script:
        "../workflow_scripts/alignment_control_holdout.py"


rule control_holdouts:
    """Target: how well the alignment fits controls it was not fitted on, for every method."""
    input:
        needs.control_holdouts(),
