"""How Sphinx makes the site of what tools/build_site.py has gathered; nothing is executed."""

import hashlib
import re
import shutil
from binascii import a2b_base64
from pathlib import Path
from typing import Any

import latex2mathml.converter
import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import inspect, logging
from traitlets import HasTraits

from tutorial_lib.playing.bundle import FOLDER, START

project = "Training neural networks"
author = "The tutorial_lib authors"
copyright = author
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.githubpages"]
html_theme = "sphinx_book_theme"
html_title = project
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_static_path = ["static"]
html_favicon = "static/favicon.svg"  # browsers ask for one anyway
html_css_files = ["site.css"]
templates_path = ["templates"]
html_math_renderer = "mathml"
html_show_copyright = False
html_permalinks_icon = "#"
html_theme_options: dict[str, Any] = {
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "collapse_navbar": True,
    "navbar_persistent": [],  # the search is in the sidebar, and above a narrow page
}
pygments_style = "a11y-light"

nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, Any] = {}  # MyST-NB's own would be fetched from another host
nb_mime_priority_overrides = [("html", "image/png", 0), ("html", "text/html", 1)]
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
suppress_warnings = ["myst.header"]  # a notebook may go on with a smaller heading in a cell

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False

logger = logging.getLogger(__name__)
NAME = re.compile(r"fa-(?!solid|brands|regular|fw|lg|sm|custom)[a-z-]+")
FUNCTION = re.compile(r"<mi>(ln|log|exp|cos|sin)</mi>(?!<mo[^>]*>(?:&#x00028;|\())")  # no bracket
NAMELESS = {  # as the theme or Sphinx writes it -> as a screen reader needs it
    '<th class="head"><p></p></th>': "<td></td>",  # a corner is the heading of nothing
    '<summary><span class="toctree-toggle"': (
        '<summary aria-label="Pages of this part"><span class="toctree-toggle"'
    ),
    '<div id="pst-primary-sidebar"': (
        '<div id="pst-primary-sidebar" role="region" aria-label="All pages"'
    ),
}


class Words(SphinxTransform):
    """Give pictures of a notebook the words that its outputs have for them.

    MyST-NB knows words for all pictures of a cell, not for each. It names a picture after what is
    in it, by which its output is found. One in whose place a panel plays is marked.
    """

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Go through the pictures of one page."""
        path = Path(self.env.doc2path(self.env.docname))
        if path.suffix != ".ipynb":
            return
        words, stills = words_of(path)
        for image in self.document.findall(nodes.image):
            text = words.get(Path(image["uri"]).stem)
            if Path(image["uri"]).stem in stills:
                image["classes"].append("playing-still")
            if text:
                image["alt"] = text
            elif not image.get("alt"):
                logger.warning("a picture has no words: %s", image["uri"], location=image)


def words_of(path: Path) -> tuple[dict[str, str], set[str]]:
    """Return the words of each picture of a notebook, by the hash of the picture.

    The others are the hashes of those in whose cell a panel plays.
    """
    found, stills = {}, set()
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                digest = hashlib.sha256(a2b_base64(png)).hexdigest()
                found[digest] = output.metadata.get("image/png", {}).get("alt", "")
                stills |= {digest} if "playing" in cell.metadata else set()
    return found, stills


def mathml(tex: str, display: str) -> str:
    """Return a formula as MathML, which browsers draw by themselves.

    Raises:
        ValueError: It has a command that the converter does not know.
    """
    fenced = re.sub(r"\\lvert(.*?)\\rvert", r"\\left|\1\\right|", tex)  # bars without a gap
    made = latex2mathml.converter.convert(fenced, display=display)
    if "\\" in made:
        raise ValueError(f"no MathML for the formula {tex!r}")
    return FUNCTION.sub(r'<mo lspace="0" rspace="0.167em">\1</mo>', made)


def visit_math(self: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_math_block(self: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own; a wide one scrolls."""
    self.body.append(self.starttag(node, "div", CLASS="math-block", tabindex="0"))
    self.body.append(mathml(node.astext(), "block") + "</div>\n")
    raise nodes.SkipNode


def escape_stars(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list) -> None:
    """Let docstrings speak of ``**settings`` as Python does, without its stars being emphasis."""
    lines[:] = [re.sub(r"(?<![\w`*\\])(\*\*?)(?=[a-z_]+\b(?!\*))", r"\\\1", line) for line in lines]


def skip_fields(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool:
    """Leave out what NamedTuple says of each field: its number."""
    return skip or (getattr(thing, "__doc__", None) or "").startswith("Alias for field number")


def own_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, result: str
) -> tuple[str, str] | None:
    """Show what a widget takes: autodoc would show what every widget's ``__new__`` takes."""
    if what != "class" or not issubclass(thing, HasTraits):
        return None
    found = inspect.signature(thing.__init__, bound_method=True)
    text = inspect.stringify_signature(
        found, show_return_annotation=False, unqualified_typehints=True
    )
    return re.sub(r"<(?:class|function) '?(?:[\w.]+\.)?(\w+)[^>]*>", r"\1", text), ""  # defaults


def add_scripts(app: Sphinx, name: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Let a page with panels that play start them; other pages load nothing for that."""
    if 'class="playing"' in context.get("body", ""):
        app.add_css_file("playing/play.css")
        for script in START:
            app.add_js_file(f"playing/{script}", loading_method="defer")


def copy_scripts(app: Sphinx) -> None:
    """Put what panels that play need among the files of the site."""
    folder = Path(app.outdir, "_static/playing")
    shutil.copytree(FOLDER / "scripts", folder, dirs_exist_ok=True)
    shutil.copytree(FOLDER / "recorded", folder / "recorded", dirs_exist_ok=True)
    shutil.copy(FOLDER / "play.css", folder)


def finish(app: Sphinx, error: Exception | None) -> None:
    """Name what the theme leaves without a name, and take in only those icons that pages use."""
    if error:
        return
    out, used = Path(app.outdir), set()
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for before, after in NAMELESS.items():
            text = text.replace(before, after)
        page.write_text(text, encoding="utf-8")
        used |= set(NAME.findall(text))
    for script in out.glob("_static/scripts/*theme.js"):
        used |= set(NAME.findall(script.read_text(encoding="utf-8")))
    write_icons(out / "_static", used)


def write_icons(static: Path, used: set[str]) -> None:
    """Put some icons into a small style sheet: the theme's script with all of them has 1.5 MB."""
    script = (static / "scripts/fontawesome.js").read_text(encoding="utf-8")
    rules = []
    for name in sorted(used):
        drawn = re.search(rf'["{{,]{name[3:]}"?:\[(\d+),(\d+),\[[^]]*\],"\w+","([^"]+)"', script)
        if drawn:
            width, height, path = drawn.groups()
            svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'>"
            svg = f"{svg}<path d='{path}'/></svg>".replace("<", "%3C").replace(">", "%3E")
            rules.append(f'.{name} {{ --icon: url("data:image/svg+xml,{svg}"); }}\n')
    (static / "icons.css").write_text("".join(rules), encoding="utf-8")
    style = static / "styles/pydata-sphinx-theme.css"
    text = style.read_text(encoding="utf-8")
    style.write_text(re.sub(r"@font-face ?\{[^}]*\}", "", text), encoding="utf-8")
    (static / "scripts/fontawesome.js").unlink()
    for unused in [*static.glob("**/*.map"), *static.glob("vendor/**/*.woff2")]:
        unused.unlink()


def setup(app: Sphinx) -> None:
    """Tell Sphinx of all that is here."""
    app.add_transform(Words)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.connect("autodoc-process-docstring", escape_stars, priority=900)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-signature", own_signature)
    app.connect("builder-inited", copy_scripts)
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", finish)
    app.add_css_file("icons.css")
