"""The explorer in a real browser: what it computes is what the library computes, by mouse and by keys alone."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from posterity.certificates.conditional import Components, Conditional
from posterity.diffusion.levels import CLEAN
from posterity.diffusion.schedule import Schedule
from posterity.diffusion.steps import PosteriorStep
from posterity.operators.build import build
from posterity.priors.kernel import Kernel
from posterity.report import explorer
from posterity.wrappers.diversity import Diversity

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = pytest.mark.slow

SIZE, KNOWN, BANDWIDTH = 32, 40, 0.07


@pytest.fixture(scope="module")
def prior():
    """Pictures as a data set holds them, in eight bits; the weights are no equal ones."""
    dice = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (KNOWN, 3, 4, 4), generator=dice, dtype=torch.uint8).float()
    images = torch.nn.functional.interpolate(coarse, SIZE, mode="bilinear").round() / 127.5 - 1
    return Kernel(images.double(), torch.rand(KNOWN, generator=dice) + 0.1, BANDWIDTH), images


@pytest.fixture
def page(browser, prior, tmp_path):
    kernel, images = prior
    # what is measured is near to several known pictures, so that the answers are not certain
    near = ((0.5 * (images[0] + images[1]) + 1) * 127.5).round() / 127.5 - 1
    shown = [("near two", near), ("the sixth", images[5])]
    text = explorer.page("Which <b>fit</b>?", kernel, shown, {0: "the first", 1: "</script>"})
    (tmp_path / "page.html").write_text(text)
    browser.get((tmp_path / "page.html").as_uri())
    yield browser
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def computed(page):
    """(y, which of its entries are seen, probabilities, factor, sigma) as the page has them."""
    return page.execute_script(
        "const m = explorer.measure();"
        "return [[...m.y], [...m.seen], [...explorer.posterior(m)], explorer.state.factor, explorer.state.sigma];"
    )


def exact(kernel, y, seen, factor, sigma):
    """The same probabilities by the library's own operator and posterior."""
    shape, side = (3, SIZE, SIZE), SIZE // factor
    y, seen = torch.tensor(y, dtype=torch.float64), torch.tensor(seen, dtype=torch.float64)
    if factor == 1:
        operator = build({"operator": "inpaint"}, shape, {"keep": seen.reshape(1, *shape)[:, :1]})
        y = operator(y.reshape(1, *shape))
    else:
        assert seen.all()
        operator, y = build({"operator": "pool", "factor": factor}, shape, {}), y.reshape(1, 3, side, side)
    return kernel.posterior(operator, y, sigma).mode_probabilities[0]


def test_the_page_begins_with_few_pixels_and_its_probabilities_are_the_librarys(page, prior):
    y, seen, p, factor, sigma = computed(page)
    assert factor == 16 and abs(sum(p) - 1) < 1e-9
    np.testing.assert_allclose(p, exact(prior[0], y, seen, factor, sigma), atol=1e-6)
    assert page.title == "Which <b>fit</b>?" and "known pictures fit" in page.find_element("id", "said").text
    assert len(page.find_elements("css selector", "#top li")) == 5


@pytest.mark.parametrize("noise", ["-5", "-1"])
def test_hiding_with_keys_alone_changes_the_answers_to_what_the_library_computes(page, prior, noise):
    from selenium.webdriver.common.keys import Keys

    page.execute_script(
        "document.querySelector('[name=how][value=\"1\"]').click(); const n = document.getElementById('noise');"
        "n.value = arguments[0]; n.dispatchEvent(new Event('input'));",
        noise,
    )
    before = computed(page)
    canvas = page.find_element("id", "measured")
    page.execute_script("arguments[0].focus()", canvas)
    canvas.send_keys(" ", Keys.ARROW_LEFT, " ", Keys.ARROW_UP, Keys.ARROW_UP, " ", *[Keys.ARROW_RIGHT] * 30, " ")
    y, seen, p, factor, sigma = computed(page)
    hidden = 1 - np.array(seen).reshape(3, SIZE, SIZE)[0]
    assert factor == 1 and hidden.sum() == 4 * 2 * 2 and hidden[12, 31] == 1  # the edge ends the way
    np.testing.assert_allclose(p, exact(prior[0], y, seen, factor, sigma), atol=1e-6)
    assert np.abs(np.array(p) - before[2]).max() > (1e-9 if noise == "-1" else 0)


def test_painting_with_the_mouse_and_undoing_it(page, prior):
    from selenium.webdriver import ActionChains

    page.execute_script("document.querySelector('[name=how][value=\"1\"]').click()")
    whole, canvas = computed(page), page.find_element("id", "measured")
    ActionChains(page).move_to_element_with_offset(canvas, -60, 0).click_and_hold().move_by_offset(
        90, 0
    ).release().perform()
    y, seen, p, factor, sigma = computed(page)
    assert 0 < seen.count(0) < len(seen)
    np.testing.assert_allclose(p, exact(prior[0], y, seen, factor, sigma), atol=1e-6)
    page.find_element("id", "half").click()
    assert sum(computed(page)[1]) == 3 * SIZE * SIZE / 2
    page.find_element("id", "clear").click()
    assert computed(page) == whole


def test_another_picture_and_draws_in_place_of_the_mean(page):
    buttons = page.find_elements("css selector", "#items button")
    assert [b.get_attribute("aria-label") for b in buttons] == ["near two", "the sixth"]
    buttons[1].click()
    assert [b.get_attribute("aria-pressed") for b in buttons] == ["false", "true"]
    *_, p, _, _ = computed(page)
    assert int(np.argmax(p)) == 5 and p[5] > 0.99
    pixels = "const c = document.getElementById('mean'); return [...c.getContext('2d').getImageData(0, 0, 32, 32).data]"
    buttons[0].click()
    mean = page.execute_script(pixels)
    page.execute_script(
        "const n = document.getElementById('count'); n.value = '0'; n.dispatchEvent(new Event('input'))"
    )
    assert page.find_element("id", "many").text == "one draw" and page.execute_script(pixels) != mean


def pressed(page, element, *keys):
    page.execute_script("arguments[0].focus()", element)
    element.send_keys(*keys)


def test_the_tree_is_opened_with_keys_and_its_branches_share_the_probability(page):
    from selenium.webdriver.common.keys import Keys

    p = np.array(computed(page)[2])
    kept = [int(k) for k in np.argsort(-p, kind="stable") if p[k] >= 1e-3]
    found = page.execute_script("return explorer.branches(arguments[0], arguments[1])", kept, p.tolist())
    assert 1 < len(found) <= 5 and sorted(k for one in found for k in one["members"]) == sorted(kept)
    assert found == sorted(found, key=lambda one: -one["p"])
    for one in found:
        assert one["head"] in one["members"] and abs(one["p"] - p[one["members"]].sum()) < 1e-12
    lines = page.find_elements("css selector", "#tree > li")
    assert len(lines) == len(found)
    at = next(k for k, one in enumerate(found) if len(one["members"]) > 1)
    button = lines[at].find_element("tag name", "button")
    assert button.text == f"Open {len(found[at]['members'])}" and button.get_attribute("aria-expanded") == "false"
    pressed(page, button, Keys.ENTER)
    below = lines[at].find_elements("css selector", ":scope > ul > li")
    assert len(below) == min(5, len(found[at]["members"])) and button.get_attribute("aria-expanded") == "true"
    pressed(page, button, " ")
    assert not lines[at].find_elements("css selector", ":scope > ul")


def test_a_region_moved_with_keys_shows_what_can_be_there_with_its_weights(page, prior):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    images, p, seen = prior[1].numpy(), np.array(computed(page)[2]), set()
    field = page.find_element("id", "regional")
    for keys in ([], [Keys.ARROW_UP] * 9, [Keys.ARROW_LEFT] * 3):
        pressed(page, field, *keys)
        row, column, side = page.execute_script("return explorer.region()")
        seen.add((row, column))
        part, modes = images[:, :, row : row + side, column : column + side], {}
        for k in (int(k) for k in np.argsort(-p, kind="stable") if p[k] >= 1e-3):
            head = next((h for h in modes if np.sqrt(((part[h] - part[k]) ** 2).mean()) < 0.15), k)
            modes[head] = modes.get(head, 0) + p[k]
        told = page.execute_script("return explorer.regionModes()")
        assert {one["head"] for one in told} == set(modes)
        assert all(abs(one["p"] - modes[one["head"]]) < 1e-9 for one in told)
        assert len(page.find_elements("css selector", "#modes li")) == min(5, len(modes))
    assert len(seen) == 3 and (0, 12) in seen, "the edge ends the way"
    ActionChains(page).move_to_element(field).perform()
    assert page.execute_script("return explorer.region()") == [12, 12, 8]


STEPS = 25
GREY = 16


@pytest.fixture
def small(browser, tmp_path):
    """A page of twenty small grey pictures, of which several fit, and the prior."""
    dice = torch.Generator().manual_seed(1)
    coarse = torch.randint(100, 156, (20, 1, 4, 4), generator=dice, dtype=torch.uint8).float()
    images = torch.nn.functional.interpolate(coarse, GREY, mode="bilinear").round() / 127.5 - 1
    kernel = Kernel(images.double(), torch.rand(20, generator=dice) + 0.1, 0.1)
    (tmp_path / "small.html").write_text(explorer.page("Which?", kernel, [("one", images[0])], {}))
    browser.get((tmp_path / "small.html").as_uri())
    return browser, images.double().flatten(1), kernel


def guided_by_library(page, images, kernel, eta):
    """The page's five draws with the page's noise: the posterior by matrices, the library's guidance and steps."""
    y, seen, _, factor, sigma = computed(page)
    count = STEPS + 1
    z = page.execute_script(
        f"return [...Array(5).keys()].map((d) => [...Array({count}).keys()].map((s) => "
        f"[...explorer.normals({GREY**2}, 1 + 1000 * (1 + d) + 10 * s)]))"
    )
    z, here = torch.tensor(z, dtype=torch.float64), torch.tensor(seen).bool()
    unit = torch.eye(GREY**2, dtype=torch.float64).reshape(-1, 1, GREY, GREY)
    matrix = torch.nn.functional.avg_pool2d(unit, factor).flatten(1).T[here]
    prior = Components(kernel.blocks[0].log_weights[0].exp(), images, 0.1**2 * torch.eye(GREY**2)[None].double())
    exact = Conditional(prior, matrix, torch.tensor(y, dtype=torch.float64)[here][None], sigma)
    means, vectors, values = exact.means[0], exact.vectors[0], exact.values[0]
    levels = [*Schedule.linear().grid(STEPS, "spaced"), CLEAN]
    x, together = z[:, 0], torch.zeros(5, dtype=torch.long)
    for step, (t, s) in enumerate(pairwise(levels)):
        spread = t.alpha_bar * values + 1 - t.alpha_bar
        gaps = (x[:, None] - t.signal * means) @ vectors
        r = (exact.log_weights[0] - (gaps.square() / spread).sum(2) / 2).softmax(1)
        mean = r @ means
        x0 = mean + (((x - t.signal * mean) @ vectors) * (t.signal * values / spread)) @ vectors.T
        if s == CLEAN:
            return x0, r.argmax(1).tolist()
        moved = Diversity(eta=eta)(x0, together, torch.tensor([1.0]), t.fraction)
        way = PosteriorStep.between(t, s)
        x = way.mean(moved, x) + way.std() * z[:, step + 1]
    raise AssertionError


def test_guided_draws_are_the_librarys(small):
    page, images, kernel = small
    page.execute_script("const n = document.getElementById('noise'); n.value = -1; n.dispatchEvent(new Event('input'))")
    for how in ("16", "4", "1"):
        page.execute_script("document.querySelector(`[name=how][value='${arguments[0]}']`).click()", how)
        if how == "4":
            page.find_element("id", "half").click()
        for eta in (0.0, 0.8):
            found = page.execute_script(
                "return explorer.guided(arguments[0]).map((one) => [[...one.x], one.mode])", eta
            )
            expected, modes = guided_by_library(page, images, kernel, eta)
            np.testing.assert_allclose([x for x, _ in found], expected, atol=1e-5)
            assert [mode for _, mode in found] == modes and len(set(modes)) > 1


def test_guidance_is_set_with_keys_and_says_what_it_did(small):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    page, *_ = small
    slider, said = page.find_element("id", "eta"), page.find_element("id", "guided-said")
    WebDriverWait(page, 10).until(lambda _: "different picture" in said.text)
    assert "Without guidance" not in said.text
    pressed(page, slider, *[Keys.ARROW_RIGHT] * 7)
    assert page.find_element("id", "strength").text == "0.7"
    WebDriverWait(page, 10).until(lambda _: "Without guidance" in said.text)
    shown = page.find_elements("css selector", "#guided li")
    modes = page.execute_script("return explorer.guided(0.7).map((one) => one.mode)")
    assert len(shown) == 5 and said.text.startswith(f"{len(set(modes))} different picture")


def test_before_and_after_share_one_picture(page):
    from selenium.webdriver.common.keys import Keys

    wipe, before = page.find_element("id", "wipe"), page.find_element("id", "before")
    pressed(page, wipe, Keys.END)
    assert before.value_of_css_property("clip-path") == "inset(0px 0% 0px 0px)"
    pressed(page, wipe, Keys.HOME, *[Keys.ARROW_RIGHT] * 30)
    assert before.value_of_css_property("clip-path") == "inset(0px 70% 0px 0px)"
    assert wipe.get_attribute("aria-valuetext") == "30 % measured, 70 % answer"


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(page, width):
    page.set_window_size(width, 900)
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
