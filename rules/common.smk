# Shared by the rules: a job's settings and code as text, and the paths of its inputs.
import re

from snakemake.io import IOFile

from posterity.configuration.current import difference
from posterity.configuration.paths import PATHS, pattern
from posterity.configuration.shapes import schema

SINCE = {}
"""{first output of a job: changes since it was made, according to its own record}."""


def current(stage, *names):
    """Force a job if its output's own record differs from what the configuration asks for now.

    Snakemake's records are lost with its folder, and identify inputs by their times. An input function can still
    change the graph; this one adds no input. It is only called for jobs that the targets need.
    """

    def ask(wildcards):
        if workflow.is_main_process:
            job = plan.job(stage, *(wildcards[n] for n in names))
            path = OUTPUTS[stage].format(**dict(wildcards.items()))
            SINCE[path] = difference(job, plan)
            if SINCE[path].stale:
                workflow.dag.forcefiles.add(path)
        return []

    return ask


def settings_of(stage, *names):
    """Return the job's settings as one canonical string, so that equal settings never rerun anything."""
    return lambda wildcards: plan.job(stage, *(wildcards[n] for n in names)).json


def code_of(stage, *names):
    """Return the hash of the library modules that the job runs, since Snakemake does not see edits in a package.

    If edits are not followed, it is the hash of the last run, as recorded by Snakemake.
    """

    def code(wildcards):
        job = plan.job(stage, *(wildcards[n] for n in names))
        return job.code if plan.follow_code else noted(stage, wildcards) or job.code

    return code


def noted(stage, wildcards):
    """Return the hash of the code that last made a job's output; None if there was no run."""
    output = IOFile(OUTPUTS[stage].format(**dict(wildcards.items())))
    found = [p.strip("'") for p in workflow.persistence.params(output) or []]
    return next((p for p in found if re.fullmatch("[0-9a-f]{16}", p)), None)


def options_of(*names):
    """Return the options for the inputs that the job has; with `:q` each stays one word of the command."""
    return lambda wildcards, input: [
        word for n in names if input.get(n) for word in (f"--{n}", str(input[n]))
    ]


def needs_of(stage, *names, mem_mb, runtime):
    """Return the job's resources by attempt: from the configuration, its last run, or these defaults."""

    def key(wildcards):
        return [wildcards[n] for n in names]

    def need(what, default):
        return lambda wildcards, attempt: getattr(plan.needs, what)(
            stage,
            key(wildcards),
            plan.job(stage, *key(wildcards)).json,
            default,
            attempt,
        )

    return {
        "gpu": lambda wildcards: plan.needs.gpu(stage, key(wildcards)),
        "mem_mb": need("mem_mb", mem_mb),
        "runtime": need("runtime", runtime),
    }


RUN = ("dataset", "task", "prior", "sampler")

OUTPUTS = {stage: pattern(stage, plan.data, plan.results) for stage in PATHS}
"""{stage: path pattern of its first output}."""
ITEMS = OUTPUTS["prepare"]
REGIONS = f"{plan.data}/datasets/{{dataset}}/regions.parquet"
LICENSE = f"{plan.data}/datasets/{{dataset}}/LICENSE.txt"
SHEET = f"{plan.data}/datasets/{{dataset}}/sheet.png"
MEASUREMENTS = OUTPUTS["degrade"]
POSTERIOR = OUTPUTS["posterior"]
SEVERITY = OUTPUTS["severity"]
SAMPLES = OUTPUTS["sample"]
SUBSETS = OUTPUTS["select"]
METRICS = OUTPUTS["measure"]
CLASSES = OUTPUTS["classify"]
DISTANCES = OUTPUTS["distance"]
GATHERED = f"{plan.results}/gathered/{{experiment}}.txt"
QUESTIONS = OUTPUTS["study"]
SIMULATED = f"{plan.results}/study/{{experiment}}/simulated.parquet"
ANALYSIS = OUTPUTS["analyse"]
TABLE = OUTPUTS["table"]
FIGURE = OUTPUTS["figure"]
EXPLORER = OUTPUTS["explorer"]


def paths_of(pattern, keys):
    """Return the pattern's paths for these keys; a key may be longer than the pattern needs."""
    return list(dict.fromkeys(pattern.format(**dict(zip(RUN, key))) for key in keys))


def severity_of(run):
    """Return the severity file that sets a run's late start; [] if it has none."""
    wrap = plan.job("sample", *run).settings["sampler"]["wrap"]
    names = [one["flash"]["severity"] for one in wrap if "flash" in one]
    key = dict(zip(RUN[:3], run))
    return [SEVERITY.format(**key, severity=name) for name in names]


def severities_of(runs):
    """Return the distinct paths of several runs."""
    return list(dict.fromkeys(path for run in runs for path in severity_of(run)))


def artifacts_of(experiment):
    """Return all artifacts of an experiment's runs, without tables, figures and the study."""
    runs = plan.runs[experiment]
    return [
        *paths_of(ITEMS, runs),
        *paths_of(MEASUREMENTS, runs),
        *paths_of(POSTERIOR, [k for k in runs if plan.has("posterior", *k[:3])]),
        *severities_of(runs),
        *paths_of(SAMPLES, runs),
        *paths_of(SUBSETS, [k for k in runs if plan.has("select", *k)]),
        *paths_of(METRICS, [k for k in runs if plan.has("measure", *k)]),
        *paths_of(CLASSES, [k for k in runs if plan.has("classify", *k)]),
        *[
            DISTANCES.format(prior=p, dim=d, sampler=s)
            for p, d, s in plan.toys[experiment]
        ],
    ]


def listed(wildcards):
    """List the artifacts that an experiment's products are made from.

    A stored list that names a missing file counts as missing itself, so that a product that needs the list has the file
    made again. One that names other files than now is made again, and the products with it. The list is not deleted
    here, because a dry run must change nothing.
    """
    path = Path(GATHERED.format(experiment=wildcards.experiment))
    lines = path.read_text().splitlines() if path.exists() else []
    stored, now = [line.split("\t")[0] for line in lines], artifacts_of(
        wildcards.experiment
    )
    if stored and {*stored} != {*now} and workflow.is_main_process:
        workflow.dag.forcefiles.add(str(path))
    elif not all(Path(name).exists() for name in stored):
        cache = workflow.iocache
        cache.exists_local[str(path)], cache.size[str(path)] = False, 0
    return now


def responses_of(experiment):
    """Return the files of answers named in the configuration, or else those of the simulated respondent."""
    return plan.responses[experiment] or [SIMULATED.format(experiment=experiment)]


def shown_of(wildcards):
    """Return the inputs of a table or figure: all artifacts, and the study if it has answers."""
    experiment = wildcards.experiment
    study = (experiment,) in plan.keys("analyse")
    asked = (
        [p.format(experiment=experiment) for p in (QUESTIONS, ANALYSIS)]
        if study
        else []
    )
    answers = [
        p for p in (responses_of(experiment) if study else []) if p.endswith(".parquet")
    ]
    return {"gathered": GATHERED, "study": [*asked, *answers]}


def one_of(names):
    """Return a wildcard constraint that matches exactly these names."""
    return "|".join(names) or "(?!)"


def network_of(dataset, task):
    """Return the weights file of an operator that is a network; none for other operators."""
    return plan.job("degrade", dataset, task).settings["task"].get("weights", [])


def autoencoder_of(prior):
    """The weights of the prior's autoencoder; none where it has none, or one that is fitted."""
    return plan.autoencoders.get(prior, [])


def sample_inputs(wildcards):
    found = {"dataset": ITEMS, "regions": REGIONS, "measurements": MEASUREMENTS}
    found["network"] = network_of(wildcards.dataset, wildcards.task)
    found["autoencoder"] = autoencoder_of(wildcards.prior)
    # the rule "severity" reads the same inputs as "sample", except its own output
    if hasattr(wildcards, "sampler"):
        found["severity"] = severity_of([wildcards[n] for n in RUN])
    if wildcards.prior in plan.weights:
        # a restorer without its file is N/A; everything else waits for its weights
        lacking = plan.absent([a for a in [plan.optional.get(wildcards.prior)] if a])
        found["weights"] = [] if lacking else plan.weights[wildcards.prior]
    return found


def select_inputs(wildcards):
    found = {"dataset": ITEMS, "samples": SAMPLES, "measurements": MEASUREMENTS}
    features = plan.job("select", *(wildcards[n] for n in RUN)).settings["features"]
    weights = {"vgg": "vgg16", "lpips": "vgg16", "anycost": "anycost"}
    if features in weights:
        found["weights"] = plan.asset(weights[features])
    return found


def measure_inputs(wildcards):
    key = tuple(wildcards[n] for n in RUN)
    wanted = plan.job("measure", *key).settings["metrics"]
    metrics = [schema("metrics")[name] for name in wanted]
    needs = {need for metric in metrics for need in metric["needs"]}
    found = {"samples": SAMPLES, "measurements": MEASUREMENTS}
    if plan.has("select", *key):
        found["subsets"] = SUBSETS
    if plan.has("posterior", *key[:3]) and "posterior" in needs:
        found["posterior"] = POSTERIOR
    # the exact sampler is the reference for the others
    exact = (*key[:3], "exact")
    if plan.has("sample", *exact) and key != exact and "reference" in needs:
        found["reference"] = paths_of(SAMPLES, [exact])
    files = {plan.asset(metric["asset"]) for metric in metrics if metric["asset"]}
    # only if it was fetched: without it FID is N/A
    absent = {p for p in [plan.asset("inception")] if not Path(p).exists()}
    found["weights"] = sorted(files - absent)
    return found


def results_of(experiment):
    """Return an experiment's final products: its tables, figures and study."""
    return [
        *[TABLE.format(experiment=e, table=t) for e, t in plan.of("table", experiment)],
        *[
            FIGURE.format(experiment=e, figure=f)
            for e, f in plan.of("figure", experiment)
        ],
        *[EXPLORER.format(experiment=e) for (e,) in plan.of("explorer", experiment)],
        *[QUESTIONS.format(experiment=e) for (e,) in plan.of("study", experiment)],
        *[ANALYSIS.format(experiment=e) for (e,) in plan.of("analyse", experiment)],
    ]


def report_inputs(wildcards):
    # a separate page that the report links to
    explorers = [EXPLORER.format(experiment=e) for e in plan.experiments]
    found = [p for e in plan.experiments for p in results_of(e) if p not in explorers]
    runs = [key for e in plan.experiments for key in plan.runs[e]]
    return [
        *found,
        *[
            f.removesuffix(".svg") + suffix
            for f in found
            if f.endswith(".svg")
            for suffix in (".png", ".csv")
        ],
        *paths_of(METRICS, [key for key in runs if plan.has("measure", *key)]),
        *paths_of(LICENSE, runs),
    ]


def unrecorded(dag, job):
    """Return True if the job may have finished but Snakemake was killed before recording it."""
    reason, asked = dag.reason(job), workflow.dag_settings
    if asked.forceall or asked.forcetargets or asked.forcerun:
        return False
    if any(SINCE[path].stale for path in job.output if path in SINCE):
        return False
    # Snakemake forces incomplete outputs
    lacks = reason.incomplete_output or reason.missing_output or reason.forced
    return bool(dag.needrun(job) and lacks)


def forget_parts(dag, keep=lambda dag, job: False):
    """Delete the copies that finished jobs keep until they are recorded, except those of the jobs to ``keep``."""
    from posterity.jobs.resume import forget

    if workflow.is_main_process:
        for job in dag.jobs:
            if job.output and not keep(dag, job):
                forget(Path(job.output[0]))
