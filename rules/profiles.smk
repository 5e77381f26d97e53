"""Stage profiles: embeddings with what is known of each well, as other tools read them."""


rule profiles_of_method:
    """Profiles of a screen's wells and perturbations by a method: Parquet, AnnData, and where they come from."""
    input:
        unpack(of(needs.of_profiles)),
    output:
        wells=plan.profiles().wells,
        perturbations=plan.profiles().perturbations,
        anndata=plan.profiles().anndata,
        about=plan.profiles().about,
        notes=plan.profiles().notes,
    log:
        plan.log("profiles/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("profiles/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(*EMBEDDING_WELLS),
    conda:
        "../envs/profiles.yaml"
    threads: config["alignment"]["threads"]
    resources:
        mem_mb=mem_mb(6000),
        runtime=runtime(30),
    params:
        about=of(needs.about_profiles),
        alignments=needs.alignments(),
        options=of(needs.alignment_options),
    script:
        "../workflow_scripts/profiles_write.py"


rule profiles:
    """Target: profiles of every method with embeddings, on every screen."""
    input:
        needs.profiles(),


rule neighbours_of_method:
    """Nearest perturbations of each, by a method's profiles of wells."""
    input:
        profiles=plan.profiles().anndata,
    output:
        neighbours=plan.profiles().neighbours,
        replicates=plan.profiles().replicates,
        about=plan.profiles().about_neighbours,
        notes=plan.profiles().notes_neighbours,
    log:
        plan.log("neighbours/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("neighbours/{screen}/{method}/seed{seed}")
    conda:
        "../envs/profiles.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(240),
    params:
        options=config["neighbours"],
    script:
        "../workflow_scripts/profiles_neighbours.py"


rule neighbours:
    """Target: nearest perturbations by every method with embeddings, on every screen."""
    input:
        needs.neighbours(),


rule hits_of_method:
    """Perturbations that differ from their controls, by a method's profiles of wells."""
    input:
        profiles=plan.profiles().anndata,
    output:
        activity=plan.profiles().activity,
        hits=plan.profiles().hits,
        about=plan.profiles().about_hits,
        notes=plan.profiles().notes_hits,
    log:
        plan.log("hits/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("hits/{screen}/{method}/seed{seed}")
    conda:
        "../envs/profiles.yaml"
    threads: config["alignment"]["threads"]
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(60),
    params:
        options=config["hits"],
    script:
        "../workflow_scripts/profiles_hits.py"


rule hits:
    """Target: hit lists by every method with embeddings, on every screen."""
    input:
        needs.hits(),
