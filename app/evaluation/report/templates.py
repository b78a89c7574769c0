"""HTML pages from the templates in assets/: whatever a value holds, it is shown as text."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

import assets


def render(template: str, *styles: str, **values: object) -> str:
    """A whole page.

    Args:
        template: its name in assets/templates.
        styles: names of style sheets in assets, put into the page.
        values: what the template names; only `Markup` is taken for HTML, all else is escaped.
    """
    style = Markup("".join(_text(name) for name in styles))
    return _environment().get_template(template).render(style=style, **values) + "\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: _text(f"templates/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _text(name: str) -> str:
    return assets.path(name).read_text(encoding="utf-8")
