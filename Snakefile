# algebraset: generators of (problem, answer) pairs become datasets that anyone can rebuild byte for byte.
#
#   snakemake --cores 2                                the default dataset of config/config.yaml
#   snakemake --cores 2 --configfile mine.yaml         your own (config/README.md lists the keys)
#   snakemake --cores 2 --use-conda                    each job in its own conda environment

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"


# The first rule is the default target, without saying so: with `default_target`, it would also be that of every workflow
# that uses this one as a module.
rule all:
    input:
        final_files(),


onstart:
    require_folders()


onerror:
    name_full_disks()


include: "workflow/rules/first_sample.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/collect.smk"
