"""Stage checks: the screens of the run before anything long runs. On request: `snakemake check`."""


# Without an output: whoever asks for a check wants it now, not that of last week.
rule check:
    input:
        of(needs.all_check_files),
    log:
        plan.log("check"),
    conda:
        "../envs/checks.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(60),
        download_slots=1,
    params:
        specs=of(needs.specs_to_check),
        data=plan.data,
        cache=plan.cache,
    script:
        "../workflow_scripts/checks_check.py"
