"""Names of points in a panel of something against cost."""

from posterity.figures._cost import Point, _apart, beside
from posterity.tables.cells import Cell


def point(words, cost, value):
    return Point(Cell(("d", "t", "p", words), "c", value), cost, words, {})


def test_a_name_stands_right_of_the_markers_beside_its_own_and_names_stand_above_one_another():
    points = beside([point("a", 100, 1.0), point("b", 100, 1.0), point("c", 100, 3.0), point("far", 900, 1.0)])
    at = {one.words: (one.cost, one.value) for one in points}
    assert at["a"][0] < at["b"][0] < at["c"][0]
    places = {one.words: (cost, height) for one, cost, height in _apart(points, 0.2)}
    assert places["a"] == (at["b"][0], 1.0), "b's marker is where the name of a would be"
    assert places["b"] == (at["b"][0], 1.2) and places["c"] == at["c"] and places["far"] == at["far"]
