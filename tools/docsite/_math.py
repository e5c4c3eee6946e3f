"""Formulas as MathML, which browsers draw by themselves: no script and no font is needed."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def mathml(tex: str, *, is_block: bool = False) -> str:
    """Return a formula as MathML.

    Example:
        >>> mathml("a^2").partition("<mrow>")[2]
        '<msup><mi>a</mi><mn>2</mn></msup></mrow></math>'
    """
    return convert(tex, display="block" if is_block else "inline")


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{mathml(node.astext(), is_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
