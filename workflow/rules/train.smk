# The models are the outputs; live training state lies outside of the outputs, so that nothing
# deletes it, and a job that was killed or ran out of walltime goes on from it. When experiments were
# added, --continue goes on from the weights of the smaller study with all batches.


# A training longer than a walltime is a chain of legs: each goes on from the live state, stops itself
# before its limit, and ends well; once the training has converged, those that are left are instant.
rule train_leg:
    input:
        before_leg,
        records=PATHS.records,
    output:
        PATHS.leg("{view}", "{leg}"),
    log:
        PATHS.log("train_leg", "{view}-{leg}"),
    benchmark:
        PATHS.benchmark("train_leg", "{view}-{leg}")
    wildcard_constraints:
        view="image|coefficient|joint",
        leg=r"\d+",
    conda:
        "../../envs/gpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/gpu",
    threads: STUDY.train.threads
    resources:
        runtime=runtime("train"),
        mem_mb=memory("train"),
    params:
        training=lambda wildcards: STUDY.train.decides(wildcards.view),
        minutes=COST.leg_minutes,
        here=HERE,
    message:
        "train the {wildcards.view} network, leg {wildcards.leg}"
    shell:
        "xscatter train {params.here} --view {wildcards.view} --continue"
        " --leg-minutes {params.minutes} --leg-file {output} >> {log} 2>&1"


rule train_image:
    input:
        last_leg("image"),
        records=PATHS.records,
    output:
        **trained("image"),
    log:
        PATHS.log("train", "image"),
    benchmark:
        PATHS.benchmark("train", "image")
    conda:
        "../../envs/gpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/gpu",
    threads: STUDY.train.threads
    resources:
        runtime=runtime("train"),
        mem_mb=memory("train"),
    params:
        view="image",
        training=STUDY.train.decides("image"),
        here=HERE,
    message:
        "train the {params.view} network"
    shell:
        "xscatter train {params.here} --view {params.view} --continue >> {log} 2>&1"


use rule train_image as train_coefficient with:
    input:
        last_leg("coefficient"),
        records=PATHS.records,
    output:
        **trained("coefficient"),
    log:
        PATHS.log("train", "coefficient"),
    benchmark:
        PATHS.benchmark("train", "coefficient")
    params:
        view="coefficient",
        training=STUDY.train.decides("coefficient"),
        here=HERE,


use rule train_image as train_joint with:
    input:
        last_leg("joint"),
        records=PATHS.records,
        image=trained("image")["model"],
        coefficient=trained("coefficient")["model"],
    output:
        **trained("joint"),
    log:
        PATHS.log("train", "joint"),
    benchmark:
        PATHS.benchmark("train", "joint")
    params:
        view="joint",
        training=STUDY.train.decides("joint"),
        here=HERE,
