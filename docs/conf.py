"""How Sphinx builds the site: `make docs`.

Sphinx reads from the root of the repository. So the links between README, `docs/` and the example DAGs are
the same on the site as in the repository.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature
from sphinx.util.logging import getLogger
from sphinx.util.nodes import make_refnode

from airflow_provider_aep import __version__
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.operators.base import AepOperator
from docs.drawings import alt_of, drawing_of
from docs.reference_pages import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

PACKAGE = "airflow_provider_aep"

project = "airflow-provider-aep"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [
    ".*", PACKAGE, "benchmarks", "build", "constraints", "dags", "dist", "mutants", "scripts", "tests"
]  # fmt: skip
nitpicky = True
# Only names of this provider's reference must resolve. Other packages' names would need a network.
nitpick_ignore_regex = [
    (r"py:(class|data|obj)", r"(?!.*(Aep\w*|Operator|Sensor|Hook|Trigger|Link|Error)$).*"),
    (r"py:(class|exc)", r"(airflow|requests)\..*|.*\.Aep(Session|Hook\.\w+)|Airflow\w+|BaseSensorOperator"),
]

myst_heading_anchors = 4
myst_heading_slug_func = "docs.reference_pages.anchor_of"
myst_fence_as_directive = ["mermaid"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 110
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"airflow-provider-aep {version}"
html_copy_source = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_additional_pages = {"index": "redirect.html"}

FIELD = re.compile(r"^:(?P<name>(?:param|raises|return)[^:]*):.*(?:\n(?:[ ]+.*|(?=\n[ ])))*", re.MULTILINE)
"""A field of a docstring, with its continuation lines."""

PASSED_ON = re.compile(FIELD.pattern.replace("(?:param|raises|return)[^:]*", "param kwargs"), re.MULTILINE)
"""The field of the parameters that a class passes on to its bases. They have their own fields."""


class Mermaid(SphinxDirective):
    """Show the drawing that `make docs-drawings` rendered. A browser needs no script of another host."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the image. A drawing that was not rendered is a warning, and the build fails."""
        source = "\n".join(self.content)
        path = drawing_of(source)
        if not path.exists():
            message = f"Run `make docs-drawings`: {path.name} is missing."
            getLogger(__name__).warning(message, location=self.get_location())
            return []
        image = nodes.image(uri=f"/docs/drawings/{path.name}", alt=alt_of(source), classes=["drawing"])
        self.set_source_info(image)
        return [image]


def own_classes(cls: type) -> Iterator[type]:
    """Yield the class and its bases in this package."""
    return (base for base in cls.__mro__ if base.__module__.startswith(PACKAGE))


def show_options(
    _app: Sphinx, what: str, _name: str, cls: Any, _options: Any, _signature: str, _returns: str
) -> tuple[str, str] | None:
    """Show the parameters of a task group, and of an operator also those that it inherits."""
    if what == "function" and hasattr(cls, "function"):
        return stringify_signature(inspect.signature(cls.function), unqualified_typehints=True), ""
    if what == "exception" and cls is not AepError:
        return "", ""  # all errors have the parameters of AepError
    if what != "class" or not issubclass(cls, AepOperator):
        return None
    found: dict[str, inspect.Parameter] = {}
    for base in own_classes(cls):
        for name, one in inspect.signature(base.__init__).parameters.items():
            if name != "self" and one.kind is not one.VAR_KEYWORD:
                found.setdefault(name, one.replace(kind=one.KEYWORD_ONLY))
    for name in REFUSED.get(cls.__name__, ()):
        del found[name]
    return stringify_signature(inspect.Signature([*found.values()]), unqualified_typehints=True), ""


def complete_docstring(
    _app: Sphinx, what: str, _name: str, cls: Any, _options: Any, lines: list[str]
) -> None:
    """Describe a task group by its function, and an operator also by the docstrings of its bases.

    In all docstrings, link the pages that they name.
    """
    if what == "function" and hasattr(cls, "function"):
        lines[:] = inspect.cleandoc(cls.function.__doc__).splitlines()
    lines[:] = [re.sub(r"``(docs/[\w-]+)\.md``", r":doc:`/\1`", line) for line in lines]
    if what != "class" or not issubclass(cls, AepOperator):
        return
    lines[:] = PASSED_ON.sub("", "\n".join(lines)).splitlines()
    known = {match["name"] for match in FIELD.finditer("\n".join(lines))}
    known |= {f"param {name}" for name in REFUSED.get(cls.__name__, ())}
    for base in own_classes(cls):
        for match in FIELD.finditer(inspect.cleandoc(base.__doc__ or "")):
            if match["name"] not in known and match["name"] != "return":
                known.add(match["name"])
                lines += match[0].splitlines()
    shorthand = import_module(f"{PACKAGE}.operators.dataflows")
    module = shorthand.__name__ if cls.__name__ in shorthand.__all__ else cls.__module__
    lines[:0] = [f"``from {module} import {cls.__name__}``", ""]
    templates = ", ".join(f"``{name}``" for name in dict.fromkeys(cls.template_fields))
    lines += [f":Templated: {templates}", ""]


def find_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Resolve a short name, such as ``AepError`` in a docstring: the only object of the reference with it."""
    if node.get("refdomain") != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    objects = env.domains.python_domain.objects
    found = {name: one for name, one in objects.items() if name.endswith(f".{last}")}
    if len(found) != 1 or not node["reftarget"].startswith((PACKAGE, last)):
        return None
    [(name, one)] = found.items()
    return make_refnode(app.builder, node["refdoc"], one.docname, one.node_id, content, name)


def drop_remote_images(_app: Sphinx, doctree: nodes.document) -> None:
    """Drop the badges of README: they would come from another host."""
    for image in list(doctree.findall(nodes.image)):
        if "://" in image["uri"]:
            image.parent.remove(image)


def setup(app: Sphinx) -> None:
    """Register what this file adds."""
    app.add_directive("mermaid", Mermaid)
    app.connect("doctree-read", drop_remote_images)
    app.connect("autodoc-process-signature", show_options)
    app.connect("autodoc-process-docstring", complete_docstring)
    app.connect("missing-reference", find_by_last_name)
