# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that loses its power comes back with its tunnels, without a playbook. Last, for it takes the host away."""

from __future__ import annotations

# Written by hand on that gateway, and refused by charon.
REFUSED = "connections { by-hand { proposals = no-such-algorithm \n local { auth = psk } \n remote { auth = psk } } }"


def test_tunnels_are_back_after_a_power_cut(lab, paths, ping, until):
    lab.run("berlin", ["sh", "-c", "cat > /etc/swanctl/conf.d/by-hand.conf && sync"], input=REFUSED)
    lab.restart("berlin", kill=True)
    shown = lab.run("berlin", ["ip", "-br", "link", "show", "type", "xfrm"]).stdout
    assert "ipsec-paris" in shown
    for name, path in paths.items():
        until(name, lambda path=path: ping(path, 1), seconds=90)
    loaded = lab.run("berlin", ["swanctl", "--load-all", "--noprompt"], check=False)
    assert loaded.returncode != 0
    assert "by-hand" in loaded.stdout + loaded.stderr
    assert lab.run("berlin", ["systemctl", "is-active", "strongswan"]).stdout.strip() == "active"
