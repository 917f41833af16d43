# What the rules share: a job's settings and code as text, and the paths of what it reads.


def settings_of(stage, *names):
    """The job's settings as one canonical string, so that equal settings never rerun anything."""
    return lambda wildcards: plan.job(stage, *(wildcards[n] for n in names)).json


def code_of(stage, *names):
    """Hash of the library modules that the job runs: Snakemake does not see edits in an imported package."""
    return lambda wildcards: plan.job(stage, *(wildcards[n] for n in names)).code


def options_of(*names):
    """The command's options for those inputs that the job has."""
    return lambda wildcards, input: [f"--{n} {input[n]}" for n in names if input.get(n)]


RUN = ("dataset", "task", "prior", "sampler")

ITEMS = f"{plan.data}/datasets/{{dataset}}/items.parquet"
REGIONS = f"{plan.data}/datasets/{{dataset}}/regions.parquet"
MEASUREMENTS = f"{plan.results}/measurements/{{dataset}}/{{task}}.parquet"
POSTERIOR = f"{plan.results}/posterior/{{dataset}}/{{task}}/{{prior}}.parquet"
SAMPLES = f"{plan.results}/samples/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.parquet"
SUBSETS = f"{plan.results}/subsets/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.parquet"
METRICS = f"{plan.results}/metrics/{{dataset}}/{{task}}/{{prior}}/{{sampler}}.parquet"
QUESTIONS = f"{plan.results}/study/{{experiment}}/questions.parquet"
ANALYSIS = f"{plan.results}/study/{{experiment}}/analysis.parquet"
TABLE = f"{plan.results}/tables/{{experiment}}/{{table}}.parquet"
FIGURE = f"{plan.results}/figures/{{experiment}}/{{figure}}.svg"


def asset_path(name):
    """Where a fetched asset lies."""
    return f"{plan.data}/assets/{name}/{plan.job('fetch', name).settings['asset']['file']}"


def paths_of(pattern, keys):
    """The pattern's paths for those keys; a key may be longer than the pattern needs."""
    return list(dict.fromkeys(pattern.format(**dict(zip(RUN, key))) for key in keys))


def artifacts_of(experiment):
    """Everything that was made for the runs of an experiment, without tables, figures and the study."""
    runs = plan.runs[experiment]
    return [
        *paths_of(ITEMS, runs),
        *paths_of(MEASUREMENTS, runs),
        *paths_of(POSTERIOR, [k for k in runs if plan.has("posterior", *k[:3])]),
        *paths_of(SAMPLES, runs),
        *paths_of(SUBSETS, [k for k in runs if plan.has("select", *k)]),
        *paths_of(METRICS, [k for k in runs if plan.has("measure", *k)]),
    ]
