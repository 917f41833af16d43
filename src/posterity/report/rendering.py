"""Renders the templates of this package to self-contained pages."""

from __future__ import annotations

from typing import Any

__all__ = ["rendered"]


def rendered(template: str, **content: Any) -> str:
    """Return a template of ``templates/`` filled with ``content``, as self-contained HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("posterity.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template).render(**content)
