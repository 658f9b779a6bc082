rule test:
    input:
        records=PATHS.records,
        model=trained("{view}")["model"],
    output:
        evaluation=PATHS.evaluation("{view}"),
        scores=PATHS.scores("{view}"),
    log:
        PATHS.log("test", "{view}"),
    benchmark:
        PATHS.benchmark("test", "{view}")
    wildcard_constraints:
        view="image|coefficient|joint",
    conda:
        "../../envs/gpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/gpu",
    threads: STUDY.train.threads
    resources:
        runtime=runtime("test"),
        mem_mb=memory("test"),
    params:
        here=HERE,
    message:
        "test the {wildcards.view} network on batch {STUDY.pack.test_batch}"
    shell:
        "xscatter test {params.here} --view {wildcards.view} > {log} 2>&1"


# The mean of the two single views' logits: the baseline that the joint network must beat.
rule test_mean:
    input:
        records=PATHS.records,
        models=[trained(view)["model"] for view in ("image", "coefficient")],
    output:
        evaluation=PATHS.evaluation("mean"),
        scores=PATHS.scores("mean"),
    log:
        PATHS.log("test", "mean"),
    benchmark:
        PATHS.benchmark("test", "mean")
    conda:
        "../../envs/gpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/gpu",
    threads: STUDY.train.threads
    resources:
        runtime=runtime("test"),
        mem_mb=memory("test"),
    params:
        here=HERE,
    message:
        "test the mean of the image and coefficient logits"
    shell:
        "xscatter test {params.here} --view mean > {log} 2>&1"
