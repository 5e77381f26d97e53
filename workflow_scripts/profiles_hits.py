"""Perturbations that differ from their controls, from profiles of wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.files import write_json
    from cwamsn.hits import ActivityOptions, activity_of_profiles, write_table
    from cwamsn.profiles import read_profiles

    output = snakemake.output
    options = ActivityOptions.from_config(snakemake.params.options)
    found = activity_of_profiles(read_profiles(snakemake.input.profiles), options, threads=snakemake.threads)
    write_table(found.tables["activity"], output.activity)
    write_table(found.tables["hits"], output.hits)
    write_json(found.about, output.about)
