"""The report on the made-up experiment of tests/tables."""

from pathlib import Path

from posterity.stages import analyse, figure, report, table

TABLES = ("answers", "super_resolution", "exact_posterior", "cost", "guidance")
FIGURES = ("answers", "error_cost", "plane_rules", "guidance_gallery", "subsets_gallery", "study_subsets")


def made_report(experiment: dict[str, list[Path]], root: Path) -> Path:
    """Make tables, figures, an analysis and the page that shows them, in a folder as a workflow leaves it."""
    everything = [p for files in experiment.values() for p in files]
    results = root / "results"
    made = [results / "tables" / "e" / f"{name}.parquet" for name in TABLES]
    for path in made:
        table.run({"experiment": "e", "table": path.stem, "task": "sr16"}, inputs=everything, output=path)
    for name in FIGURES:
        path = results / "figures" / "e" / f"{name}.svg"
        figure.run({"experiment": "e", "figure": name, "items": 1}, inputs=everything, output=path)
        made += [path, path.with_suffix(".png"), path.with_suffix(".csv")]
    analysis = results / "study" / "e" / "analysis.parquet"
    given = {"questions": experiment["questions"][0], "responses": experiment["responses"]}
    analyse.run({"seed": 0, "replicates": 500}, **given, output=analysis)
    licence = root / "faces" / "LICENSE.txt"
    licence.parent.mkdir()
    licence.write_text("Made of <faces>, CC BY-SA 4.0.\n\nThe long text.")
    # where figures say that the exact draws are
    drawn = results / "samples" / "faces-sr16-exact.parquet"
    drawn.parent.mkdir()
    drawn.touch()
    inputs = [*made, analysis, licence, *experiment["metrics"], *experiment["questions"]]
    out = results / "report" / "index.html"
    about = {"title": "Which <faces> fit?", "configuration": "title: Which <faces> fit?"}
    settings = {"title": "Faces & <b>photos</b>", "experiments": ["e"], "about": {"e": about}}
    settings["further"] = {"late-starts": "Where <to> begin?"}
    report.run(settings, inputs=inputs, output=out)
    return out
