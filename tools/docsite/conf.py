"""Sphinx settings of the site; ``python -m docsite`` copies this file beside the pages."""

from importlib.metadata import version as installed

project = "warmstart"
version = release = installed("warmstart")
copyright = "The warmstart developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docsite._math", "docsite._references"]
source_suffix = {".md": "markdown"}
templates_path: list[str] = []
html_theme = "pydata_sphinx_theme"
html_title = "warmstart"
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 9,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_nav_level": 1,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "article_footer_items": [],
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_math_renderer = "mathml"
html_copy_source = html_show_sourcelink = html_use_index = html_domain_indices = False
# Flags begin with two hyphens, and stay so.
smartquotes = False
# Most blocks without a language are commands and what they print.
highlight_language = "none"
maximum_signature_line_length = 88

myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

# An unresolved name of ours is an error; what other libraries are called cannot be checked without a network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!warmstart\b)(torch|np|numpy|nn|collections|pathlib|typing|logging)\b.*")]
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Reference", "References")]
