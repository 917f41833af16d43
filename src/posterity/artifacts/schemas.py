"""The declared schema of every artifact: one row per item, measurement, sample, member, value or response."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["IMAGE", "SCHEMAS", "SIGNAL", "VERSION"]

VERSION = 6

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""A PNG in the form that the package `datasets` and Parquet viewers understand."""

SIGNAL = pa.struct(
    [
        *IMAGE,
        ("values", pa.list_(pa.float32())),
        ("shape", pa.list_(pa.int32())),
        ("kind", pa.string()),
        ("unit", pa.string()),
        ("rate", pa.float64()),
    ]
)
"""A signal of any kind: an image as a PNG, others as float32 in mV or another unit, ``rate`` samples per second."""

_MEASUREMENT_KEY = [("dataset", pa.string()), ("task", pa.string()), ("item", pa.string())]
_RUN_KEY = [*_MEASUREMENT_KEY, ("prior", pa.string()), ("sampler", pa.string())]
# the sampler's module, and the wrappers around it from the inside out, comma-separated
_RECIPE = [("method", pa.string()), ("wrappers", pa.string())]

SCHEMAS: dict[str, pa.Schema] = {
    # data/datasets/{dataset}/items.parquet; split is "prior" or "test"; items of one subject have the same split
    "items": pa.schema(
        [
            ("dataset", pa.string()),
            ("item", pa.string()),
            ("name", pa.string()),
            ("group", pa.string()),
            ("split", pa.string()),
            ("subject", pa.string()),
            ("attributes", pa.list_(pa.string())),
            ("signal", SIGNAL),
        ]
    ),
    # data/datasets/{dataset}/regions.parquet; white (255) = inside the region; item is null if all share the region
    "regions": pa.schema([("dataset", pa.string()), ("region", pa.string()), ("item", pa.string()), ("mask", IMAGE)]),
    # results/measurements/{dataset}/{task}.parquet; y is float32, row-major in y_shape;
    # parameters is the safetensors of the operator's own parameters (its mask, its kernel); truth is null where
    # it is unknown
    "measurements": pa.schema(
        [
            *_MEASUREMENT_KEY,
            ("variant", pa.string()),
            ("sigma_y", pa.float64()),
            ("y", pa.list_(pa.float32())),
            ("y_shape", pa.list_(pa.int32())),
            ("parameters", pa.binary()),
            ("signal_kind", pa.string()),
            ("signal_rate", pa.float64()),
            ("signal_shape", pa.list_(pa.int32())),
            ("truth", SIGNAL),
            ("display", SIGNAL),
        ]
    ),
    # results/samples/{dataset}/{task}/{prior}/{sampler}.parquet; the float columns were computed
    # before quantisation; mode is the exact posterior's most responsible mode (null: no closed form); start is the
    # start index of a late start, in steps of the sampler (null: at the beginning)
    "samples": pa.schema(
        [
            *_RUN_KEY,
            *_RECIPE,
            ("sample", pa.int32()),
            ("signal", SIGNAL),
            ("lr_psnr", pa.float64()),
            ("residual_rms", pa.float64()),
            ("mode", pa.int32()),
            ("forwards", pa.int64()),
            ("backwards", pa.int64()),
            ("decodes", pa.int64()),
            ("encodes", pa.int64()),
            ("start", pa.int32()),
            ("seconds", pa.float64()),
            ("peak_bytes", pa.int64()),
        ]
    ),
    # results/severity/{dataset}/{task}/{prior}/{severity}.parquet: an estimate of each measurement's state, row-major
    # in z_shape, and the variance of its error; v_bar and error are the true variance and mean square (null: no truth)
    "severity": pa.schema(
        [
            *_MEASUREMENT_KEY,
            ("prior", pa.string()),
            ("severity", pa.string()),
            ("v_hat", pa.float64()),
            ("z_hat", pa.list_(pa.float32())),
            ("z_shape", pa.list_(pa.int32())),
            ("v_bar", pa.float64()),
            ("error", pa.float64()),
            ("seconds", pa.float64()),
        ]
    ),
    # results/posterior/{dataset}/{task}/{prior}.parquet: every mode with probability over 1e-4;
    # log_evidence is null where it is not known
    "posterior": pa.schema(
        [
            *_MEASUREMENT_KEY,
            ("prior", pa.string()),
            ("mode", pa.int32()),
            ("probability", pa.float64()),
            ("log_evidence", pa.float64()),
        ]
    ),
    # results/subsets/{dataset}/{task}/{prior}/{sampler}.parquet; rank is the order of choice
    "subsets": pa.schema([*_RUN_KEY, ("subset", pa.string()), ("rank", pa.int32()), ("sample", pa.int32())]),
    # results/metrics/{dataset}/{task}/{prior}/{sampler}.parquet; one value per row. subset is null for
    # the first samples of the pool (the vanilla set); sample is null for a number about a whole set;
    # value is null where the metric does not apply, and reason says why
    "metrics": pa.schema(
        [
            *_RUN_KEY,
            *_RECIPE,
            ("subset", pa.string()),
            ("sample", pa.int32()),
            ("metric", pa.string()),
            ("value", pa.float64()),
            ("reason", pa.string()),
        ]
    ),
    # results/classes/{dataset}/{task}/{prior}/{sampler}.parquet: the probability of each class that a classifier gives
    # a sample (sample is null: the truth), and from which on a record is said to be of it; label is whether it is
    "classes": pa.schema(
        [
            *_RUN_KEY,
            *_RECIPE,
            ("classifier", pa.string()),
            ("sample", pa.int32()),
            ("class", pa.string()),
            ("probability", pa.float64()),
            ("threshold", pa.float64()),
            ("label", pa.bool_()),
        ]
    ),
    # results/distances/{prior}/{dim}/{sampler}.parquet, closed-form problems: one row per instance, settings
    # (JSON) and statistic; diverged is the fraction of draws that were replaced by draws from the prior
    "distances": pa.schema(
        [
            ("prior", pa.string()),
            ("dim", pa.int32()),
            ("sampler", pa.string()),
            ("method", pa.string()),
            ("settings", pa.string()),
            ("instance", pa.int32()),
            ("statistic", pa.string()),
            ("value", pa.float64()),
            ("diverged", pa.float64()),
            ("forwards", pa.int64()),
            ("backwards", pa.int64()),
            ("seconds", pa.float64()),
        ]
    ),
    # results/study/{experiment}/questions.parquet
    "questions": pa.schema(
        [
            ("experiment", pa.string()),
            ("study", pa.string()),
            ("question", pa.string()),
            ("practice", pa.bool_()),
            *_RUN_KEY,
            ("approach", pa.string()),
            ("left", pa.string()),
            ("right", pa.string()),
            ("left_samples", pa.list_(pa.int32())),
            ("right_samples", pa.list_(pa.int32())),
            ("target_sample", pa.int32()),
        ]
    ),
    # responses of participants, one per row; answer is "left", "right", "yes" or "no"
    "responses": pa.schema(
        [
            ("experiment", pa.string()),
            ("study", pa.string()),
            ("participant", pa.string()),
            ("question", pa.string()),
            ("answer", pa.string()),
            ("milliseconds", pa.int64()),
            ("simulated", pa.bool_()),
        ]
    ),
    # results/tables/{experiment}/{table}.parquet: long form, with the paper's number beside ours
    "tables": pa.schema(
        [
            ("experiment", pa.string()),
            ("table", pa.string()),
            ("row", pa.string()),
            ("column", pa.string()),
            ("value", pa.float64()),
            ("low", pa.float64()),
            ("high", pa.float64()),
            ("count", pa.int64()),
            ("published", pa.float64()),
            ("note", pa.string()),
        ]
    ),
    # certificates.parquet of `posterity verify`, one row per (sampler, prior, task, statistic, part), or one
    # row with a null statistic where there is none; overall is the verdict of the whole panel; forwards
    # and backwards are the cost of one restoration, seconds the time of all rows together
    "certificates": pa.schema(
        [
            ("sampler", pa.string()),
            ("settings", pa.string()),
            ("prior", pa.string()),
            ("task", pa.string()),
            ("dim", pa.int32()),
            ("tier", pa.string()),
            ("seed", pa.int64()),
            ("statistic", pa.string()),
            ("part", pa.string()),
            ("value", pa.float64()),
            ("error", pa.float64()),
            ("target", pa.float64()),
            ("margin", pa.float64()),
            ("floor", pa.float64()),
            ("p", pa.float64()),
            ("trials", pa.int32()),
            ("decides", pa.bool_()),
            ("verdict", pa.string()),
            ("note", pa.string()),
            ("overall", pa.string()),
            ("reason", pa.string()),
            ("forwards", pa.int64()),
            ("backwards", pa.int64()),
            ("rows", pa.int64()),
            ("seconds", pa.float64()),
            ("peak_bytes", pa.int64()),
        ]
    ),
}
