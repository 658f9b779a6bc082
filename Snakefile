# simulate -> transform -> pack -> train -> test -> report and tagger, for the study that --configfile names.
from snakemake.utils import min_version, validate

from xscatter.resolution.description import expand
from xscatter.study import dump_study

min_version("9.0")

# The demo is the default. Its keys are never mixed with those of a study that is given.
if "name" not in config:

    configfile: "config/demo.yaml"


include: "workflow/rules/common.smk"


if IS_COMPARISON:

    include: "workflow/rules/resolution.smk"

else:
    validate(config, "workflow/schemas/study.schema.json", set_default=False)

    include: "workflow/rules/simulate.smk"
    include: "workflow/rules/sequence.smk"
    include: "workflow/rules/transform.smk"
    include: "workflow/rules/pack.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/test.smk"
    include: "workflow/rules/report.smk"
    include: "workflow/rules/bundle.smk"


include: "workflow/rules/figures.smk"
include: "workflow/rules/environments.smk"


# The jobs read the resolved study, with what the command line overrides. It is not an input of a
# rule: each rule names in its params the keys of the study that its outputs depend on.
onstart:
    from xscatter.core.files import write_text

    (
        expand(COMPARISON, COMPARISON_PATHS)
        if IS_COMPARISON
        else write_text(PATHS.study, dump_study(STUDY))
    )


onerror:
    print(
        "Not finished. Run the same command again: it makes what is missing, and trainings resume "
        "from their last checkpoint.",
        file=sys.stderr,
    )


rule all:
    default_target: True
    input:
        list(COMPARISON_PATHS.tables.values())
        if IS_COMPARISON
        else [PATHS.report, PATHS.tagger / bundle.DESCRIPTION],
        [] if IS_COMPARISON else [PATHS.sequence(n) for n in SEQUENCES],
        [] if IS_COMPARISON or not SEQUENCES else [PATHS.evaluation(SEQUENCE.name)],
        # Shards and batches that somebody deleted are made again, although the report exists.
        driver.lost(STUDY, PATHS, foreseen().batches)
        if workflow.is_main_process and not IS_COMPARISON
        else [],
