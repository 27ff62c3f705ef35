# One job a batch, in the environment of the dataset's backend. The shards are temporary unless the dataset keeps them.
# Planning ten thousand jobs takes Snakemake milliseconds each, for every file, function and name in a rule and in its
# command. So a shard is one folder, inputs and outputs have no names, and functions stand only where they are needed.

HOLDS_OUT = any(dataset["leakage"] == "reject" for dataset in DATASETS.values())
N_JOBS = {dataset["n_jobs"] for dataset in DATASETS.values()}

for backend, keep in sorted({(dataset["backend"], dataset["keep_shards"]) for dataset in DATASETS.values()}):
    shard = directory("{save_dir}/shards/{split}/{batch}")

    rule:
        name:
            f"generate_{backend}_kept" if keep else f"generate_{backend}"
        input:
            "{save_dir}/recipe.json",
            held_out_digests if HOLDS_OUT else [],
        output:
            shard if keep else temp(shard),
        log:
            "{save_dir}/logs/generate/{split}/{batch}.log",
        benchmark:
            "{save_dir}/logs/generate/{split}/{batch}.tsv"
        wildcard_constraints:
            save_dir=datasets_of(backend=backend, keep_shards=keep),
        conda:
            ENVIRONMENTS[backend]
        threads: 1 if N_JOBS == {1} else generate_threads
        resources:
            mem_mb=generate_mem_mb,
            runtime=generate_runtime,
        params:
            samples=sample_range,
            settings=run_settings,
        shell:
            command("generate")
            + " {output:q} --samples {params.samples} --n-jobs {threads} {params.settings} &> {log:q}"


# With `leakage: reject`, what later splits must not have. It is kept with the shards: made anew, it would make later splits
# anew, and so it is no reason that the dataset grows in other splits.
for keep in sorted({dataset["keep_shards"] for dataset in DATASETS.values()}):

    rule:
        name:
            "digests_kept" if keep else "digests"
        input:
            split_shards,
            recipe="{save_dir}/recipe.json",
        output:
            (str if keep else temp)("{save_dir}/shards/{split}.digests"),
        log:
            "{save_dir}/logs/digests/{split}.log",
        benchmark:
            "{save_dir}/logs/digests/{split}.tsv"
        wildcard_constraints:
            save_dir=datasets_of(keep_shards=keep),
        conda:
            ENVIRONMENTS["sympy"]
        threads: 1
        resources:
            mem_mb=collect_mem_mb,
            runtime=collect_runtime,
        params:
            dataset=resolved_but_not_tracked,
        shell:
            command("digests")
            + " --dataset {params.dataset:q} --recipe {input.recipe:q} --split {wildcards.split} &> {log:q}"
