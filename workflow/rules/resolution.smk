# One study at several sizes, modes and seeds:
# `snakemake --configfile config/study-resolution.yaml`.
# Every member is an ordinary study, run by the ordinary commands, with one job for each member and
# stage; their CPU time is the cost. The driver writes the members' study files when it starts; as
# elsewhere, they are not inputs.
MEMBERS = {member.name: member.study for member in COMPARISON.members()}
COSTS = {name: cost.of(study) for name, study in MEMBERS.items()}
ONE = COMPARISON_PATHS.member("{member}")


wildcard_constraints:
    member=r"(resample|extend)-\d+-\d+",


rule resolution_records:
    output:
        batches=directory(ONE.batches),
        cost=COMPARISON_PATHS.cost("{member}", "records"),
    log:
        ONE.log("records"),
    resources:
        runtime=lambda wildcards, attempt: COSTS[wildcards.member].experiments_runtime(attempt),
        mem_mb=lambda wildcards, attempt: COSTS[wildcards.member].memory("transform", attempt),
    params:
        fingerprint=lambda wildcards: MEMBERS[wildcards.member].fingerprint("pack"),
        root=lambda wildcards: COMPARISON_PATHS.member(wildcards.member).root,
    message:
        "simulate, transform and pack {wildcards.member}"
    shell:
        # What other settings made is deleted; what is complete and of this study stays.
        "xscatter verify {params.root} --quick --delete-bad | tail -n 1 > {log};"
        " TIMEFORMAT='%U %S';"
        " {{ time {{ xscatter simulate {params.root}/study.yaml -o {params.root}"
        " && xscatter transform {params.root}/study.yaml -o {params.root}"
        " && xscatter pack {params.root}/study.yaml -o {params.root}; }}"
        " >> {log} 2>&1; }} 2> {output.cost}"


rule resolution_train:
    input:
        lambda wildcards: list(
            parents(COMPARISON_PATHS.member(wildcards.member), wildcards.view).values()
        ),
        batches=ONE.batches,
    output:
        model=ModelFolder(ONE.model("{view}")).network,
        cost=COMPARISON_PATHS.cost("{member}", "train-{view}"),
    log:
        ONE.log("train", "{view}"),
    threads: COMPARISON.base.train.threads
    resources:
        runtime=lambda wildcards, attempt: COSTS[wildcards.member].runtime("train", attempt),
        mem_mb=lambda wildcards, attempt: COSTS[wildcards.member].memory("train", attempt),
    params:
        training=lambda wildcards: MEMBERS[wildcards.member].train.decides(wildcards.view),
        root=lambda wildcards: COMPARISON_PATHS.member(wildcards.member).root,
    message:
        "train the {wildcards.view} network of {wildcards.member}"
    shell:
        "TIMEFORMAT='%U %S';"
        " {{ time xscatter train {params.root}/study.yaml --view {wildcards.view} -o {params.root}"
        " > {log} 2>&1; }} 2> {output.cost}"


rule resolution_test:
    input:
        [ModelFolder(ONE.model(view)).network for view in VIEWS],
        batches=ONE.batches,
    output:
        [ONE.evaluation(view) for view in evaluated()],
        [ONE.scores(view) for view in evaluated()],
    log:
        ONE.log("test"),
    threads: COMPARISON.base.train.threads
    resources:
        runtime=lambda wildcards, attempt: COSTS[wildcards.member].runtime("test", attempt),
        mem_mb=lambda wildcards, attempt: COSTS[wildcards.member].memory("test", attempt),
    params:
        root=lambda wildcards: COMPARISON_PATHS.member(wildcards.member).root,
        views=evaluated(),
    message:
        "test the networks of {wildcards.member}"
    shell:
        "xscatter test {params.root}/study.yaml --view {params.views} -o {params.root} > {log} 2>&1"


rule study_resolution:
    input:
        [COMPARISON_PATHS.member(name).evaluation(view) for name in MEMBERS for view in evaluated()],
    output:
        list(COMPARISON_PATHS.tables.values()),
        report(
            list(COMPARISON_PATHS.figures.values()),
            caption="../report/resolution.rst",
            category="Image size",
        ),
    log:
        COMPARISON_PATHS.root / "logs" / "resolution.log",
    resources:
        mem_mb=2000,
    params:
        root=COMPARISON_PATHS.root,
    message:
        "compare the sizes of {params.root}"
    shell:
        "xscatter resolution {params.root}/study.yaml -o {params.root} > {log} 2>&1"
