# The shards become the final files. No command line grows with them: jobs get the dataset's plan and look for its shards.


rule concatenate:
    input:
        split_shards,
        recipe="{save_dir}/recipe.json",
    output:
        "{save_dir}/{split}_{file}",
    log:
        "{save_dir}/logs/concatenate/{split}_{file}.log",
    benchmark:
        "{save_dir}/logs/concatenate/{split}_{file}.tsv"
    conda:
        ENVIRONMENTS["sympy"]
    threads: 1
    resources:
        mem_mb=collect_mem_mb,
        runtime=collect_runtime,
    params:
        dataset=resolved,
        keep_shards=keep_shards_flag,
        kind=lambda wildcards: {"raw.txt": "text", "data.jsonl": "json"}[wildcards.file],
    shell:
        command("concatenate") + " --dataset {params.dataset:q} --recipe {input.recipe:q} {params.keep_shards}"
        " --split {wildcards.split} --kind {params.kind} &> {log:q}"


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
