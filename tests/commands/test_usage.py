"""Words that no command can take are told in one line: the option, its value, what would be valid."""

import pytest
from typer.testing import CliRunner

from posterity.cli import app

RUN = CliRunner()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "restore a.png --size 7",
            "posterity restore: invalid value for '--size': must be greater than or equal to 8,",
        ),
        (
            "restore a.png --sigma-y nan",
            "'--sigma-y': must be less than or equal to 2, is 'nan'; see posterity restore",
        ),
        ("restore a.png --n few", "unable to parse string as an integer, is 'few'; see posterity restore --help"),
        ("restore a.png --maks m.png", "posterity restore: no such option: --maks (Possible options: --images, --mask"),
        ("restore", "posterity restore: missing argument 'file'; see posterity restore --help"),
        ("restore a b", "posterity restore: got unexpected extra argument(s) (b)"),
        ("new experiment mine", "posterity new experiment: missing option '--folder'"),
        ("new experiment mine --folder x --size 100000", "must be less than or equal to 1024, is '100000'"),
        ("study serve x --port 70000", "posterity study serve: invalid value for '--port': must be less than or equal"),
        ("restroe a.png", "posterity: no such command 'restroe'"),
    ],
)
def test_wrong_words_are_one_line(words, said):
    done = RUN.invoke(app, words.split())
    assert done.exit_code == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.output


@pytest.mark.parametrize("words", [[], ["study"], ["new"]])
def test_no_words_show_the_help(words):
    done = RUN.invoke(app, words)
    assert f"Usage: {' '.join(['posterity', *words])} [OPTIONS] COMMAND" in done.output.replace("root", "posterity")
