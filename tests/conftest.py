# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test relies on: the collection's import name, and how hard hypothesis looks."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CHECKOUT = Path(__file__).resolve().parent.parent
COLLECTION = "ansible_collections.swanfleet.ipsec"


def link_collection() -> Path:
    """Make a directory that holds the checkout as ansible_collections/swanfleet/ipsec, until Python ends.

    The checkout may have any name and stand anywhere; only its link needs the name that imports use.
    """
    root = Path(tempfile.mkdtemp(prefix="swanfleet-imports-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    namespace = root / "ansible_collections" / "swanfleet"
    namespace.mkdir(parents=True)
    # Real packages, because a collection bundle in site-packages would win over a namespace package.
    extend = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    (namespace.parent / "__init__.py").write_text(extend)
    (namespace / "__init__.py").write_text(extend)
    (namespace / "ipsec").symlink_to(CHECKOUT, target_is_directory=True)
    return root


COLLECTIONS_PATH = link_collection()
sys.path.insert(0, str(COLLECTIONS_PATH))

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
# For another Python with the same code: what its library lacks fails with nearly any example.
settings.register_profile("few", derandomize=True, deadline=None, print_blob=True, max_examples=12)
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Collect what the tests prove, where somebody wants to know."""
    from ansible_collections.swanfleet.ipsec.tests.proofs import register

    register(config)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Return the root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def collections_path() -> Path:
    """Return a directory for PYTHONPATH and ANSIBLE_COLLECTIONS_PATH of programs that a test starts."""
    return COLLECTIONS_PATH


def twice_imported() -> list[str]:
    """List modules of this checkout's plugins that were imported by another than their collection name."""
    plugins = str(CHECKOUT / "plugins") + os.sep
    found = []
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and os.path.realpath(file).startswith(plugins) and not name.startswith(COLLECTION + "."):
            found.append(f"{name} ({file})")
    return found


@pytest.fixture(scope="session", autouse=True)
def _one_name_per_module() -> Iterator[None]:
    """Fail when a file is loaded under two names: its classes would exist twice, and isinstance would lie."""
    yield
    assert twice_imported() == []
