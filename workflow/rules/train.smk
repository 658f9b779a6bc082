# The models are the outputs; live training state lies outside of the outputs, so that nothing
# deletes it, and a job that was killed or ran out of walltime goes on from it.
def trained(view):
    folder = PATHS.model(view)
    return {
        "model": folder / "model.keras",
        "facts": folder / "training.json",
        "calibration": folder / "calibration.json",
        "history": folder / "history.csv",
        "timings": folder / "timings.csv",
    }


rule train_image:
    input:
        records=PATHS.records,
    output:
        **trained("image"),
    log:
        PATHS.log("train", "image"),
    benchmark:
        PATHS.benchmark("train", "image")
    threads: STUDY.train.threads
    params:
        training=STUDY.train.decides("image"),
        study=PATHS.study,
        results=PATHS.root,
    message:
        "train the image network"
    shell:
        "xscatter train {params.study} --view image -o {params.results} > {log} 2>&1"


rule train_coefficient:
    input:
        records=PATHS.records,
    output:
        **trained("coefficient"),
    log:
        PATHS.log("train", "coefficient"),
    benchmark:
        PATHS.benchmark("train", "coefficient")
    threads: STUDY.train.threads
    params:
        training=STUDY.train.decides("coefficient"),
        study=PATHS.study,
        results=PATHS.root,
    message:
        "train the coefficient network"
    shell:
        "xscatter train {params.study} --view coefficient -o {params.results} > {log} 2>&1"


rule train_joint:
    input:
        records=PATHS.records,
        image=trained("image")["model"],
        coefficient=trained("coefficient")["model"],
    output:
        **trained("joint"),
    log:
        PATHS.log("train", "joint"),
    benchmark:
        PATHS.benchmark("train", "joint")
    threads: STUDY.train.threads
    params:
        training=STUDY.train.decides("joint"),
        study=PATHS.study,
        results=PATHS.root,
    message:
        "train the joint network from the two others"
    shell:
        "xscatter train {params.study} --view joint -o {params.results} > {log} 2>&1"
