"""Stage plates: the plates of the run's screens as heat maps, with pictures of their wells. On request."""


rule plates_of_screen:
    """Page of a screen's plates, and pictures of their wells beside it."""
    input:
        unpack(of(needs.of_plates)),
    output:
        page=plan.plates().page,
        montages=directory(plan.plates().montages),
        notes=plan.plates().notes,
    log:
        plan.log("plates/{screen}"),
    benchmark:
        plan.usage("plates/{screen}")
    conda:
        "../envs/plates.yaml"
    threads: 4
    resources:
        mem_mb=mem_mb(4000),
        runtime=runtime(60),
    params:
        options=config["plates"],
        labels=of(needs.labels_of_plates),
        simulated=of(plan.is_simulated),
    script:
        "../workflow_scripts/plates_page.py"


rule plates:
    """Target: plates of the screens that the run trains and evaluates on."""
    input:
        needs.all_plates(),
