"""Configuration of the documentation, which ``make docs`` builds."""

import os
import sys
from pathlib import Path

# The tutorial runs `xscatter`: use the one that is installed with this Python.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
)
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from xscatter import __version__

project = "xscatter"
author = "the xscatter developers"
copyright = "the xscatter developers"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx-mathjax-offline",  # pages with equations load nothing from a network
    "from_code",
    "gallery",
]
exclude_patterns = ["_build", "_extensions"]
nitpicky = False
myst_enable_extensions = ["amsmath", "dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
# Pages that are notebooks are run by the build, and an error in one of them fails it.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 900  # a busy machine is slow
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = True

html_theme = "pydata_sphinx_theme"
html_title = "xscatter"
html_static_path = ["_static"]
html_css_files = ["xscatter.css"]
html_show_sourcelink = False
html_sidebars = {
    page: [] for page in ("index", "scale-out", "troubleshooting")
}  # they have no pages below them
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
