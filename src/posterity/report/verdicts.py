"""Exports certificates for other tools: JUnit XML for CI, a badge for web pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from posterity.certificates.finding import Finding
from posterity.certificates.panel import Certificate

__all__ = ["badge", "badge_svg", "junit", "told"]

_LABEL = "posterity verify"
_COLOURS = {"brightgreen": "#3fa34d", "red": "#d55e00"}
_BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{text}">
<title>{text}</title>
<rect width="{width}" height="20" rx="3" fill="#444"/>
<path fill="{colour}" d="M{split} 0h{inner}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{inner}z"/>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{left}" y="14">{label}</text>
<text x="{right}" y="14">{message}</text>
</g>
</svg>
"""
_CHARACTER, _PADDING = 6.6, 10


def told(finding: Finding) -> str:
    """Return a finding in one line: value ± error, target, margin, floor."""
    if finding.value is None:
        return f"{finding.key}: N/A, {finding.note}"
    parts = [f"{finding.value:.4g}"]
    parts += [f"± {finding.error:.2g}"] if finding.error else []
    names = ("target", "margin", "floor", "p")
    about = ", ".join(f"{n} {getattr(finding, n):.3g}" for n in names if getattr(finding, n) is not None)
    return f"{finding.key} {' '.join(parts)}" + (f" ({about})" if about else "")


def junit(certificates: Sequence[Certificate], failed: Collection[Certificate]) -> bytes:
    """Return one test case per (sampler, prior, task): failed, skipped (N/A) or passed, with its findings inside."""
    skipped = [c for c in certificates if c.verdict == "n/a"]
    counts = {"tests": len(certificates), "failures": len(failed), "skipped": len(skipped), "errors": 0}
    about = {name: str(count) for name, count in counts.items()}
    about["time"] = f"{sum(c.seconds for c in certificates):.3f}"
    suites = ElementTree.Element("testsuites", about)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": _LABEL, **about})
    for c in certificates:
        place = {"classname": f"{c.prior}.{c.task}", "name": c.sampler, "time": f"{c.seconds:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", place)
        lines = [f"{v}: {told(f)}" for f, v in zip(c.findings, c.verdicts, strict=True)]
        if c in failed:
            wrong = [c.reason] if c.reason else [line for line in lines if line.startswith("regressed")]
            ElementTree.SubElement(case, "failure", {"message": c.verdict}).text = "\n".join(wrong)
        elif c.verdict == "n/a":
            ElementTree.SubElement(case, "skipped", {"message": c.reason})
        if lines:
            ElementTree.SubElement(case, "system-out").text = "\n".join([f"verdict: {c.verdict}", *lines])
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def badge(certificates: Sequence[Certificate], failed: Collection[Certificate]) -> dict[str, Any]:
    """Return the badge as JSON for a shields.io endpoint."""
    measured = sum(c.verdict != "n/a" for c in certificates)
    message = f"{measured} measured, {len(failed)} failed" if failed else f"{measured} measured, none regressed"
    return {"schemaVersion": 1, "label": _LABEL, "message": message, "color": "red" if failed else "brightgreen"}


def badge_svg(content: dict[str, Any]) -> str:
    """Return the badge as an SVG."""
    label, message = content["label"], content["message"]
    split, inner = (_PADDING + round(_CHARACTER * len(text)) for text in (label, message))
    return _BADGE.format(
        width=split + inner, split=split, inner=inner - 3, left=split / 2, right=split + inner / 2,
        label=escape(label), message=escape(message), text=escape(f"{label}: {message}"),
        colour=_COLOURS[content["color"]],
    )  # fmt: skip
