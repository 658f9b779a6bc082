# Targets that a study does not need: `snakemake --cores 2 figure_time`.
rule figure_time:
    input:
        script=workflow.source_path("../../benchmarks/figure_time.py"),
    output:
        "results/figure-time/times.csv",
        "results/figure-time/times.png",
    log:
        "results/figure-time/times.log",
    message:
        "time every stage for 1 and 5 experiments of 200 images"
    shell:
        "python {input.script} -o results/figure-time > {log} 2>&1"
