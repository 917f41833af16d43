"""Asks axe-core about the page that a browser shows."""


def findings(browser, axe):
    """Rule → how bad, and the first element."""
    browser.execute_script(axe)
    result = browser.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run(document).then(done, (e) => done({error: String(e)}))"
    )
    assert "violations" in result, result
    assert len(result["passes"]) > 10, "it looked at the page"
    return {v["id"]: (v["impact"], v["nodes"][0]["html"][:200]) for v in result["violations"]}


def serious(browser, axe):
    """Those findings that axe-core calls serious or critical, of which no page of ours has one."""
    return {rule: about for rule, about in findings(browser, axe).items() if about[0] in ("serious", "critical")}
