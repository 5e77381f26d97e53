"""Nearest perturbations of each, from profiles of wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.files import write_json
    from cwamsn.hits import NeighbourOptions, neighbours_of_profiles, write_table
    from cwamsn.profiles import read_profiles

    section, output = snakemake.params.options, snakemake.output
    found = neighbours_of_profiles(
        read_profiles(snakemake.input.profiles), section["names"], NeighbourOptions.from_config(section)
    )
    write_table(found.tables["neighbours"], output.neighbours)
    write_table(found.tables["queries"], output.replicates)
    write_json(found.about, output.about)
