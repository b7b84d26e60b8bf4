# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings for the documentation: the guides of docs/ and the pages that antsibull-docs makes of the plugins."""

from __future__ import annotations

project = "swanfleet.ipsec"
copyright = "swanfleet contributors"  # noqa: A001  Sphinx wants this name
title = "swanfleet.ipsec"
html_short_title = title
html_theme = "sphinx_ansible_theme"
html_theme_options = {"vcs_pageview_mode": "", "collapse_navigation": False}
html_show_sphinx = False

extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext", "myst_parser"]
myst_heading_anchors = 3
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["docsite/**"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
smartquotes = False

# Nothing is looked up on the network; the labels are of Ansible's own pages, which plugin pages name.
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}
nitpicky = True
nitpick_ignore = [
    ("std:ref", "action_plugins"),
    ("std:ref", "ansible_configuration_settings"),
    ("std:ref", "common_return_values"),
]
