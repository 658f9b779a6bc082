# Frames in time, one file a sequence. They are never packed into batches: the frames of a sequence
# are near copies of each other.
rule simulate_sequence:
    output:
        PATHS.sequence("{number}"),
    log:
        PATHS.log("simulate_sequence", "{number}"),
    benchmark:
        PATHS.benchmark("simulate_sequence", "{number}")
    resources:
        runtime=runtime("sequence"),
        mem_mb=memory("sequence"),
        job_seconds=COST.safe_seconds("sequence"),
        limit_minutes=COST.limit,
    params:
        fingerprint=STUDY.fingerprint("sequence"),
        here=HERE,
    shell:
        "xscatter simulate {params.here} --sequences {wildcards.number} > {log} 2>&1"


# The features of frames hold what the networks of single frames say, so that these come first, as a
# tagger of their own: the tagger of the study has the temporal network, too.
rule embedder:
    input:
        models=[ModelFolder(PATHS.model(view)).network for view in ANSWERING],
        evaluations=[PATHS.evaluation(view) for view in ANSWERING],
    output:
        description=PATHS.embedder / bundle.DESCRIPTION,
        networks=[PATHS.embedder / bundle.network_file(view) for view in ANSWERING],
    log:
        PATHS.log("embedder"),
    benchmark:
        PATHS.benchmark("embedder")
    resources:
        runtime=runtime("bundle"),
        mem_mb=memory("bundle"),
    params:
        root=PATHS.root,
        views=" ".join(ANSWERING),
    message:
        "make the tagger of single frames"
    shell:
        "xscatter bundle {params.root} -o {params.root}/embedder --view {params.views}"
        " > {log} 2>&1"


rule embed:
    input:
        sequence=PATHS.sequence("{number}"),
        networks=rules.embedder.output,
    output:
        PATHS.features("{number}"),
    log:
        PATHS.log("embed", "{number}"),
    benchmark:
        PATHS.benchmark("embed", "{number}")
    resources:
        runtime=runtime("embed"),
        mem_mb=memory("embed"),
        job_seconds=COST.safe_seconds("embed"),
        limit_minutes=COST.limit,
    params:
        model=PATHS.embedder,
    shell:
        "xscatter embed {input.sequence} --model {params.model} > {log} 2>&1"


# As in train.smk, the model is the output, and checkpoints are not.
rule train_sequence:
    input:
        [PATHS.features(number) for number in SEQUENCES],
    output:
        model=ModelFolder(PATHS.model(SEQUENCE.name)).network,
        facts=ModelFolder(PATHS.model(SEQUENCE.name)).training,
        calibration=ModelFolder(PATHS.model(SEQUENCE.name)).calibration,
        history=ModelFolder(PATHS.model(SEQUENCE.name)).history,
        timings=ModelFolder(PATHS.model(SEQUENCE.name)).timings,
    log:
        PATHS.log("train", SEQUENCE.name),
    benchmark:
        PATHS.benchmark("train", SEQUENCE.name)
    threads: STUDY.train.threads
    resources:
        runtime=runtime("train_sequence"),
        mem_mb=memory("train_sequence"),
    params:
        training=STUDY.decides(SEQUENCE),
        here=HERE,
    message:
        "train the temporal network"
    shell:
        "xscatter train {params.here} --view sequence --continue >> {log} 2>&1"


rule test_sequence:
    input:
        features=[PATHS.features(number) for number in SEQUENCES],
        model=ModelFolder(PATHS.model(SEQUENCE.name)).network,
    output:
        evaluation=PATHS.evaluation(SEQUENCE.name),
        scores=PATHS.scores(SEQUENCE.name),
    log:
        PATHS.log("test", SEQUENCE.name),
    benchmark:
        PATHS.benchmark("test", SEQUENCE.name)
    threads: STUDY.train.threads
    resources:
        runtime=runtime("test_sequence"),
        mem_mb=memory("test_sequence"),
    params:
        here=HERE,
    message:
        "test the temporal network"
    shell:
        "xscatter test {params.here} --view sequence > {log} 2>&1"
