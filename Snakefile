# Run `snakemake` to make everything that config/config.yaml names, `snakemake -n` for a dry run,
# and `posterity check` for mistakes in the configuration and outdated files on disk.
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from posterity import configuration
from posterity.errors import PosterityError

min_version("9.27")


# Not `configfile:`, which parses YAML differently from `posterity check`; see configuration/loading.py.
CONFIG = Path("config", "config.yaml")
workflow.configfiles.append(str(CONFIG))

try:
    plan = configuration.resolve(
        configuration.as_snakemake(CONFIG, workflow.config_settings),
        CONFIG.parent,
        assets=Path(workflow.basedir, "resources", "assets.yaml"),
    )
except PosterityError as error:
    raise WorkflowError(str(error)) from None

# Jobs end with the process that starts their shell: jobs/parent_process.py.
before_jobs = f"export POSTERITY_JOBS_PER_GPU={plan.needs.jobs_per_gpu} POSTERITY_WORKFLOW=$PPID; "
# Use this environment's command even if the environment is not activated.
if shutil.which("posterity") is None:
    before_jobs += f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
# Snakemake formats it, as it does a command.
shell.prefix(before_jobs.replace("{", "{{").replace("}", "}}"))


onstart:
    # Ask for files that users must download by hand before any work starts, not a day later.
    needed = [
        job.wildcards.asset
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "fetch"
    ]
    if lines := plan.absent(needed):
        raise WorkflowError("\n".join(lines))
    forget_parts(workflow.dag, keep=unrecorded)


onsuccess:
    forget_parts(workflow.dag)


wildcard_constraints:
    dataset=r"[a-z0-9][a-z0-9_-]*",
    task=r"[a-z0-9][a-z0-9_-]*",
    prior=r"[a-z0-9][a-z0-9_-]*",
    sampler=r"[a-z0-9][a-z0-9_-]*",
    severity=r"[a-z0-9][a-z0-9_-]*",
    classifier=r"[a-z0-9][a-z0-9_-]*",
    autoencoder=r"[a-z0-9][a-z0-9_-]*",
    dim=r"[0-9]+",
    experiment=r"[a-z0-9][a-z0-9_-]*",
    table=r"[a-z0-9][a-z0-9_-]*",
    figure=r"[a-z0-9][a-z0-9_-]*",
    asset=r"[a-z0-9][a-z0-9_-]*",
    file=r"[^/]+",


localrules:
    all,
    fetch,
    gather,


# Snakemake's default target is the first rule of the file.
rule all:
    input:
        f"{plan.results}/report/index.html",
        # named here too: the report alone would not notice a figure deleted after it was written
        lambda wildcards: [p for e in plan.experiments for p in results_of(e)],


include: "rules/common.smk"
include: "rules/experiments.smk"
include: "rules/fetch.smk"
include: "rules/prepare.smk"
include: "rules/degrade.smk"
include: "rules/train_autoencoder.smk"
include: "rules/train.smk"
include: "rules/train_severity.smk"
include: "rules/train_classifier.smk"
include: "rules/convert.smk"
include: "rules/convert_autoencoder.smk"
include: "rules/posterior.smk"
include: "rules/severity.smk"
include: "rules/sample.smk"
include: "rules/select.smk"
include: "rules/measure.smk"
include: "rules/classify.smk"
include: "rules/distance.smk"
include: "rules/gather.smk"
include: "rules/study.smk"
include: "rules/analyse.smk"
include: "rules/table.smk"
include: "rules/figure.smk"
include: "rules/report.smk"
