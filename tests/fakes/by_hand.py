# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that somebody has set up by hand: files below /etc/swanctl, what charon has loaded of them, a link."""

from __future__ import annotations

from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.owned_secrets import as_loaded
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.references import resolved
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import Section
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.by_hand import read_by_hand
from ansible_collections.swanfleet.ipsec.tests.fakes.host import CHARON_START, FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink

_LISTS = ("local_addrs", "remote_addrs", "proposals", "local_ts", "remote_ts", "esp_proposals")
MAIN = "/etc/swanctl/swanctl.conf"
ROME_FILE = "/etc/swanctl/conf.d/rome.conf"
SWANCTL_CONF = """\
# Our tunnels. Ask Jean before you touch Paris.
both {
  version = 2
  keyingtries = 0
  rekey_time = 432m
  over_time = 48m
  proposals = aes256-sha256-curve25519
  local { auth = psk }
  remote { auth = psk }
}
connections {
  # the head office
  paris : both {
    remote_addrs = 198.51.100.2
    if_id_in = 7
    if_id_out = 7
    remote { id = 198.51.100.2 }
    children { lan { esp_proposals = aes256gcm16
      local_ts = 10.1.0.0/24
      remote_ts = 10.2.0.0/24
      life_time = 1h
      rekey_time = 54m
      start_action = trap|start } }
  }
}
secrets {
  ike-paris { id = 198.51.100.2
    secret = "s3cret" }
}
include conf.d/*.conf
"""
ROME_CONF = """\
connections { rome : both {
  remote_addrs = rome.example.org
  remote { id = fqdn:rome.example.org }
  children { lan { esp_proposals = aes256gcm16
    local_ts = 10.1.0.0/24
    remote_ts = 10.3.0.0/24
    life_time = 1h
    rekey_time = 54m
    start_action = trap } }
} }
secrets { ike-rome { id = fqdn:rome.example.org
  secret = 0sYW5vdGhlcg== } }
"""


def by_hand(files: dict[str, str] | None = None, *, links: bool = True) -> FakeHost:
    """Return a host with these files, or those above, and a charon that has loaded them."""
    host = wan_host()
    for path, text in (files or {MAIN: SWANCTL_CONF, ROME_FILE: ROME_CONF}).items():
        host.files.replace(path, text.encode(), 0o640)
        host.files.files[path] = FileState(text.encode(), 0o640, CHARON_START - 60, (0, 42))
    if links:
        mine = FakeLink("xfrm", if_id=7, up=True, addresses=["10.255.0.1/30"], mtu=1400, alias="to the head office")
        host.kernel.links["to-paris"] = mine
    load(host)
    return host


def load(host: FakeHost) -> None:
    """Load the hand-written files, as swanctl does."""
    root = resolved(read_by_hand(host.host).parsed({}))
    for name, section in _inside(root, "secrets"):
        told = as_loaded(name, section)
        host.charon.load_shared(id=name, kind=told.kind, owners=told.owners, data=_bytes(told.value.reveal()))
    for name, section in _inside(root, "connections"):
        host.charon.load_connection(name, _tree(section))
    host.reset()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _inside(root: Section, name: str) -> list[tuple[str, Section]]:
    return list(root.sections[name].sections.items()) if name in root.sections else []


def _tree(section: Section) -> dict[str, Any]:
    values = {
        key: [each.strip() for each in value.text.split(",")] if key in _LISTS else value.text
        for key, value in section.values.items()
        if value.text is not None
    }
    return {**values, **{name: _tree(inner) for name, inner in section.sections.items()}}
