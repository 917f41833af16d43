"""Embeds a drawn SVG in a page so that the marks of each sampler can be found."""

from __future__ import annotations

import re

__all__ = ["inline"]

_SAMPLER = re.compile(r'id="sampler\.([a-z0-9_-]+)\.[^"]*"')


def inline(svg: str, prefix: str, label: str) -> str:
    """Return the SVG element without the file header; its ids begin with ``prefix``, and samplers' marks are labelled.

    Arguments:
        svg: as :mod:`posterity.figures.style` saves it; group ids ``sampler.NAME.…`` become ``data-sampler="NAME"``.
        prefix: makes ids unique among the figures of a page.
        label: text for screen readers, escaped for an attribute.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = _SAMPLER.sub(r'data-sampler="\1"', body)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'href="#', f'href="#{prefix}-', body)
    body = re.sub(r"url\(#", f"url(#{prefix}-", body)
    return body.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
