# The first job of a dataset: its functions are found and tried, so that a typo does not surface at batch 900.

for backend in sorted({dataset["backend"] for dataset in DATASETS.values()}):

    rule:
        name:
            f"first_sample_{backend}"
        input:
            source_files,
        output:
            recipe="{save_dir}/recipe.json",
        log:
            "{save_dir}/logs/first_sample.log",
        benchmark:
            "{save_dir}/logs/first_sample.tsv"
        wildcard_constraints:
            save_dir=datasets_of(backend=backend),
        conda:
            ENVIRONMENTS[backend]
        threads: 1
        resources:
            mem_mb=collect_mem_mb,
            runtime=collect_runtime,
        params:
            recipe=recipe,
            revision=GENERATION_REVISION,
            dataset=resolved_but_not_tracked,
        shell:
            command("first_sample") + " --dataset {params.dataset:q} --recipe {output.recipe:q} &> {log:q}"
