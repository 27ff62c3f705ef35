# The shards become the final files. No command line grows with them: jobs get the dataset's plan and look for its shards.
# Of the jobs that read all shards, one counts duplicates; those that copy have time for the checksums of what they wrote.


FORMATS = {(dataset["save_text"], dataset["save_json"]) for dataset in DATASETS.values()}
for save_text, save_json in sorted(FORMATS, reverse=True):
    files = {"text": "{save_dir}/{split}_raw.txt"} if save_text else {}
    files |= {"json": "{save_dir}/{split}_data.jsonl"} if save_json else {}

    rule:
        name:
            "_".join(["concatenate", *(files if len(files) == 1 else [])])
        input:
            split_shards,
            recipe="{save_dir}/recipe.json",
        output:
            **files,
            checksums=temp("{save_dir}/shards/{split}.checksums"),
        log:
            "{save_dir}/logs/concatenate/{split}.log",
        benchmark:
            "{save_dir}/logs/concatenate/{split}.tsv"
        wildcard_constraints:
            save_dir=datasets_of(save_text=save_text, save_json=save_json),
        conda:
            ENVIRONMENTS["sympy"]
        threads: 1  # another one for checksums makes it faster where a core is idle
        resources:
            mem_mb=collect_mem_mb,
            runtime=collect_runtime,
        params:
            dataset=resolved,
            keep_shards=keep_shards_flag,
        shell:
            command("concatenate") + " --dataset {params.dataset:q} --recipe {input.recipe:q} {params.keep_shards}"
            " --split {wildcards.split} &> {log:q}"


# The totals are what the manifest needs to know of the shards. As inputs of one more job, ten thousand shards would cost
# time in planning, of which they have enough.
rule statistics:
    input:
        all_shards,
        recipe="{save_dir}/recipe.json",
    output:
        "{save_dir}/statistics.json",
        totals=temp("{save_dir}/shards/totals.json"),
    log:
        "{save_dir}/logs/statistics.log",
    benchmark:
        "{save_dir}/logs/statistics.tsv"
    conda:
        ENVIRONMENTS["sympy"]
    threads: 1
    resources:
        mem_mb=collect_mem_mb,
        runtime=collect_runtime,
    params:
        dataset=resolved,
        keep_shards=keep_shards_flag,
    shell:
        command("statistics")
        + " --dataset {params.dataset:q} --recipe {input.recipe:q} {params.keep_shards} &> {log:q}"


rule manifest:
    input:
        all_data_files,
        all_checksums,
        "{save_dir}/statistics.json",
        totals="{save_dir}/shards/totals.json",
        recipe="{save_dir}/recipe.json",
    output:
        "{save_dir}/manifest.json",
        "{save_dir}/SHA256SUMS",
    log:
        "{save_dir}/logs/manifest.log",
    benchmark:
        "{save_dir}/logs/manifest.tsv"
    conda:
        ENVIRONMENTS["sympy"]
    threads: 1
    resources:
        mem_mb=collect_mem_mb,
        runtime=collect_runtime,
    params:
        dataset=resolved,
        keep_shards=keep_shards_flag,
    shell:
        command("manifest") + " --dataset {params.dataset:q} --recipe {input.recipe:q} {params.keep_shards} &> {log:q}"
