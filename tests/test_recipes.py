"""By what a run was drawn, and which runs differ by their wrappers alone."""

from posterity.recipes import Recipe, partners

PLACE = ("d", "t", "p")


def recipe(method="ddnm", settings=None, *wrap):
    return Recipe.of({"name": "any", "method": method, "settings": settings or {}, "wrap": list(wrap)})


def test_a_recipe_says_its_wrappers_and_their_settings():
    both = recipe("ddrm", {"steps": 5}, {"diversity": {"eta": 0.9}}, {"coupled_noise": {"group": 5}})
    assert (both.method, both.settings, both.column) == ("ddrm", '{"steps": 5}', "diversity,coupled_noise")
    assert both.wrapper("coupled_noise") == {"group": 5} and both.wrapper("flash") is None
    assert Recipe.told({"origin": {"settings": {"sampler": {"method": "dps"}}}}) == Recipe("dps")
    assert Recipe.told({}) == Recipe()


def test_partners_are_alike_but_for_wrappers_whatever_they_are_called():
    pushed, coupled = {"diversity": {"eta": 0.9}}, {"coupled_noise": {}}
    runs = {
        (*PLACE, "zebra"): recipe("ddnm", {"steps": 5}, pushed),
        (*PLACE, "plain"): recipe("ddnm", {"steps": 5}),
        (*PLACE, "plain_again"): recipe("ddnm", {"steps": 5}),
        (*PLACE, "plain_guided"): recipe("ddnm", {"steps": 6}, pushed),
        (*PLACE, "both"): recipe("ddnm", {"steps": 5}, pushed, coupled),
        ("d", "t", "other", "zebra"): recipe("ddnm", {"steps": 5}, pushed),
        (*PLACE, "dps"): recipe("dps", {"steps": 5}),
    }
    assert partners(runs) == {(*PLACE, "both"): (*PLACE, "plain"), (*PLACE, "zebra"): (*PLACE, "plain")}
    assert partners(runs, "diversity") == {(*PLACE, "zebra"): (*PLACE, "plain")}
