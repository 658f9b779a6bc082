rule report:
    input:
        evaluations=[PATHS.evaluation(view) for view in (*VIEWS, "mean")],
    output:
        report(PATHS.report, caption="../report/report.rst", category="Report"),
    log:
        PATHS.log("report"),
    benchmark:
        PATHS.benchmark("report")
    conda:
        "../../envs/cpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/cpu",
    resources:
        runtime=lambda wildcards, attempt: COST.runtime("report", attempt),
        mem_mb=lambda wildcards, attempt: COST.memory("report", attempt),
    params:
        study=PATHS.study,
        results=PATHS.root,
    message:
        "write the report"
    shell:
        "xscatter report {params.study} -o {params.results} > {log} 2>&1"
