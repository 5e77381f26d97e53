"""Stage atlas: a screen on one page, with its map, images and neighbours. On request."""


rule atlas_of_method:
    """Page of a screen by a method: what lies near what, and what it looks like."""
    input:
        unpack(of(needs.of_atlas)),
    output:
        page=plan.profiles().atlas,
        notes=plan.profiles().notes_atlas,
    log:
        plan.log("atlas/{screen}/{method}/seed{seed}"),
    benchmark:
        plan.usage("atlas/{screen}/{method}/seed{seed}")
    wildcard_constraints:
        method=plan.pattern(*EMBEDDING_WELLS),
    conda:
        "../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=mem_mb(6000),
        runtime=runtime(120),
    params:
        options=config["atlas"],
        title=of(needs.title_of_atlas),
        annotations=config["gene_gene"]["annotations"],
        aliases=config["gene_gene"]["aliases"],
    script:
        "../workflow_scripts/atlas_page.py"


rule atlas:
    """Target: a page of every method with embeddings, on every screen."""
    input:
        needs.all_atlases(),
