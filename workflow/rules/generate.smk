# One job a batch, in the environment of the dataset's backend. The shards are temporary unless the dataset keeps them.

for backend, keep in sorted({(dataset["backend"], dataset["keep_shards"]) for dataset in DATASETS.values()}):
    keep_or_not = str if keep else temp

    rule:
        name:
            f"generate_{backend}_kept" if keep else f"generate_{backend}"
        input:
            source_files,
            recipe="{save_dir}/recipe.json",
        output:
            text=keep_or_not("{save_dir}/shards/{split}/{batch}.txt"),
            json=keep_or_not("{save_dir}/shards/{split}/{batch}.jsonl"),
            sidecar=keep_or_not("{save_dir}/shards/{split}/{batch}.sidecar"),
        log:
            "{save_dir}/logs/generate/{split}/{batch}.log",
        benchmark:
            "{save_dir}/logs/generate/{split}/{batch}.tsv"
        wildcard_constraints:
            save_dir=datasets_of(backend=backend, keep_shards=keep),
        conda:
            ENVIRONMENTS[backend]
        threads: generate_threads
        resources:
            mem_mb=generate_mem_mb,
            runtime=generate_runtime,
        params:
            script=script("generate"),
            samples=sample_range,
        shell:
            "{params.script} --recipe {input.recipe:q} --split {wildcards.split} --batch {wildcards.batch}"
            " --samples {params.samples} --text {output.text:q} --json {output.json:q} --sidecar {output.sidecar:q}"
            " --n-jobs {threads} &> {log:q}"
