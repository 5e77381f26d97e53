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
