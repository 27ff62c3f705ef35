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


rule statistics:
    input:
        all_sidecars,
        recipe="{save_dir}/recipe.json",
    output:
        "{save_dir}/statistics.json",
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
        all_sidecars,
        "{save_dir}/statistics.json",
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
