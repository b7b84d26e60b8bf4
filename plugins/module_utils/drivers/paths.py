# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie on a target; the one place that knows."""

from __future__ import annotations

from dataclasses import dataclass

# Where swanctl looks for certificates and keys, below its own directory.
CREDENTIAL_DIRECTORIES = ("x509", "x509ca", "private", "pubkey", "pkcs12")


@dataclass(frozen=True)
class Paths:
    """Directories of a target; `root` stands before each, for tests in a directory of their own."""

    root: str = ""
    vici_uri: str = "unix:///run/charon.vici"
    error_notify: str = "/run/charon.enfy"

    @property
    def swanctl(self) -> str:
        """Return the directory of swanctl.conf, where the relative includes of that file begin."""
        return f"{self.root}/etc/swanctl"

    @property
    def swanctl_conf(self) -> str:
        """Return the file that swanctl reads first."""
        return f"{self.swanctl}/swanctl.conf"

    @property
    def connections_file(self) -> str:
        """Return the swanctl file with all connections; below the directory that Debian's AppArmor profile lets it read."""
        return f"{self.swanctl}/conf.d/swanfleet.conf"

    @property
    def secrets_file(self) -> str:
        """Return the swanctl file with all secrets, mode 0600."""
        return f"{self.swanctl}/conf.d/swanfleet-secrets.conf"

    @property
    def managed(self) -> dict[str, str]:
        """Return the path of every file that a plan may write, by the file's role in the artifacts."""
        return {"connections": self.connections_file, "secrets": self.secrets_file}

    def path_of(self, role: str) -> str:
        """Return the path of a file by its role in the artifacts; that of a credential is its path below swanctl's directory."""
        return self.managed.get(role) or f"{self.swanctl}/{role}"

    @property
    def written_directories(self) -> tuple[str, ...]:
        """Return the directories in which files are replaced, and may be left half written by a run that was killed."""
        below = (f"{self.swanctl}/{name}" for name in ("conf.d", *CREDENTIAL_DIRECTORIES))
        return self.swanctl, *below, self.state, self.generations

    @property
    def state(self) -> str:
        """Return the directory of what must outlive a reboot: generations, host key, record of what is loaded."""
        return f"{self.root}/var/lib/swanfleet"

    @property
    def generations(self) -> str:
        """Return the directory with one directory for each generation, and the link `current`."""
        return f"{self.state}/generations"

    @property
    def taken_over(self) -> str:
        """Return the directory with hand-written files as they were before a generation took connections over from them."""
        return f"{self.state}/taken-over"

    @property
    def host_key(self) -> str:
        """Return the file with the key of this host's keyed hashes, mode 0600."""
        return f"{self.state}/host.key"

    @property
    def loaded_record(self) -> str:
        """Return the file that records what was loaded into which start of charon."""
        return f"{self.state}/loaded.json"

    @property
    def pools_record(self) -> str:
        """Return the file that records which pools were loaded into which start of charon."""
        return f"{self.state}/pools.json"

    @property
    def tokens_record(self) -> str:
        """Return the file that records what charon calls the keys on tokens that it was given."""
        return f"{self.state}/tokens.json"

    @property
    def lock(self) -> str:
        """Return the lock file of all that changes the host."""
        return f"{self.root}/run/swanfleet/lock"

    @property
    def credentials_owed(self) -> str:
        """Return the file that is there while charon may lack credentials that others have given it."""
        return f"{self.root}/run/swanfleet/credentials-owed"

    @property
    def journal(self) -> str:
        """Return the file that says which connections a run has begun to load; as short-lived as charon's memory."""
        return f"{self.root}/run/swanfleet/loading"

    @property
    def program(self) -> str:
        """Return the program on the gateway, which the role swanfleet.ipsec.gateway installs."""
        return f"{self.root}/usr/local/sbin/swanfleet"

    @property
    def roles(self) -> str:
        """Return the agent's file that says which phase 1 each fallback uses: a JSON object, no secrets."""
        return f"{self.root}/run/swanfleet/roles.json"

    @property
    def agent_memory(self) -> str:
        """Return the file with what the agent remembers; its moments are of a clock that begins anew with each boot."""
        return f"{self.root}/run/swanfleet/agent.json"

    @property
    def agent_lock(self) -> str:
        """Return the lock file that the one agent of the host holds while it runs."""
        return f"{self.root}/run/swanfleet/agent"

    @property
    def overrides(self) -> str:
        """Return the file with what people have decided about groups; it holds until they decide otherwise."""
        return f"{self.state}/overrides.json"

    @property
    def decisions(self) -> str:
        """Return the file with what the agent has decided, a line each, for people who ask why."""
        return f"{self.state}/decisions.jsonl"
