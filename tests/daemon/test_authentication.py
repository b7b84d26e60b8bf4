# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two gateways that prove to each other who they are, by every method, as initiator and as responder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import read_stored
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release, pki
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run, swanctl_all
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config
from ansible_collections.swanfleet.ipsec.tests.proofs import proving

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

CA = pki.authority("Right CA")
OTHER_CA = pki.authority("Other CA")
GW = {number: CA.issue(f"gw{number}.example.org") for number in (1, 2)}
# In IKEv1 charon has XAuth after signatures of RSA only.
RSA = {number: CA.issue(f"gw{number}.example.org", key=pki.new_key("rsa")) for number in (1, 2)}
PUBLIC = {number: pki.public_pem(holder.key) for number, holder in GW.items()}
OUTCOME = r"establishing (CHILD_SA 'lan'|IKE_SA 't') failed"


class Ends:
    """Two hosts of the engine that reach each other."""

    def __init__(self, pair: Pair, directory: Path) -> None:
        self.pair = pair
        self.hosts: dict[int, Host] = {}
        for number, process in enumerate(pair, start=1):
            root = directory / str(number)
            root.mkdir()
            self.hosts[number] = engine_host(root, process.uri)

    def apply(self, number: int, *keys: Config, **options: Any) -> Any:
        """Make one end a gateway with the tunnel and private keys, and return what the run found and did."""
        return run(self.hosts[number], {**tunnel(number, **options), **({"private_keys": list(keys)} if keys else {})})

    def up(self, initiator: int) -> dict[str, Any]:
        """Bring the tunnel up from one end, and return the IKE_SA as that end shows it; end it again."""
        charon = self.hosts[initiator].charon
        if read_stored(self.hosts[initiator]).gateway.phase1["t"].ike_version == 1:
            # The Quick Mode follows the last message of XAuth at once, and charon takes each packet in another thread:
            # it ends an IKE_SA that is not established yet by then (task_manager_v1.c, process_request and its caller).
            assert isinstance(charon, ViciCharon)
            answer = charon.session.request("initiate", {"ike": "t", "timeout": "5000"}, timeout=10.0)
            if answer["success"] != "yes":
                raise DaemonRefused("initiate", "t", str(answer["errmsg"]))
            assert awaited(
                lambda: [sa["state"] for _name, sa in self.hosts[3 - initiator].charon.sas()] == ["ESTABLISHED"]
            )
        charon.initiate(ike="t", child="lan", timeout_ms=5000)
        [(_name, sa)] = charon.sas()
        charon.terminate(ike="t", timeout_ms=2000)
        assert awaited(lambda: not any(host.charon.sas() for host in self.hosts.values()))
        return sa


def tunnel(number: int, **options: Any) -> Config:
    """Return the gateway of one end."""
    other = 3 - number
    phase1 = {
        "name": "t", "interfaces": [f"192.0.2.{number}"], "remote_endpoints": [f"192.0.2.{other}"], "init_type": "none",
        "local_id": f"gw{number}.example.org", "remote_id": f"gw{other}.example.org",
        "proposals": ["aes256-sha256-curve25519"], **options,
    }  # fmt: skip
    phase2 = {
        "name": "lan", "phase1": "t", "local_networks": [f"10.{number}.0.0/24"], "remote_networks": [f"10.{other}.0.0/24"],
        "proposals": ["aes256gcm16"],
    }  # fmt: skip
    return config([phase1], [phase2])


def certified(holder: pki.Holder, ca: pki.Holder = CA) -> Config:
    """Return the options of an end with a certificate."""
    return {"auth_method": "certificate", **holder.options(ca)}


@pytest.fixture
def ends(charon_pair: Pair, tmp_path: Path) -> Iterator[Ends]:
    made = Ends(charon_pair, tmp_path)
    yield made
    for host in made.hosts.values():
        host.charon.close()


USER = {"username": "alice", "password": "s3cret of alice"}
KEY = {"psk": "a key of both ends"}
SERVER = {"eap_role": "server"}


def own(number: int) -> Config:
    """Return the options of an end that shows its certificate and looks at none."""
    return {"certificate": GW[number].pem, "private_key": GW[number].key_pem}


def asked(method: str, client: Config, server: Config) -> tuple[Config, Config]:
    """Return the options of both ends of a method in which one asks the other."""
    return {"auth_method": method, **client}, {"auth_method": method, **SERVER, **server}


def then(first: tuple[Config, Config], second: tuple[Config, Config]) -> tuple[Config, Config]:
    """Return the options of both ends with a second authentication after the first."""
    one, two = ({**first[end], "second_authentication": second[end]} for end in (0, 1))
    return one, two


def both(options: Config) -> tuple[Config, Config]:
    """Return the same for both ends."""
    return options, options


TRUST = {"ca_certificates": [CA.pem]}
CERTIFIED = (certified(GW[1]), certified(GW[2]))
IKEV1 = {"ike_version": 1}
# Options of the client, which initiates, and of the server; where both are alike either may initiate.
WAYS: dict[str, tuple[Config, Config]] = {
    "psk": both(KEY),
    "certificate": CERTIFIED,
    "eap_md5": asked("eap_md5", {**USER, **TRUST}, {**USER, **own(2)}),
    "eap_mschapv2": asked("eap_mschapv2", {**USER, **TRUST}, {**USER, **own(2)}),
    "eap_mschapv2, anyone who knows a password": asked(
        "eap_mschapv2", {**USER, **TRUST}, {**USER, **own(2), "username": None}
    ),
    "eap_md5, the server with a key": asked("eap_md5", {**USER, **KEY}, {**USER, **KEY}),
    "eap_tls": asked("eap_tls", GW[1].options(CA), GW[2].options(CA)),
    "psk then eap_md5": then(both(KEY), asked("eap_md5", USER, USER)),
    "psk then eap_mschapv2": then(both(KEY), asked("eap_mschapv2", USER, USER)),
    "certificate then eap_mschapv2": then(CERTIFIED, asked("eap_mschapv2", USER, USER)),
    "certificate then psk": then(CERTIFIED, both({"auth_method": "psk", **KEY})),
    "psk then xauth": then(both({**KEY, **IKEV1}), asked("xauth", USER, USER)),
    "certificate then xauth": then(
        ({**certified(RSA[1]), **IKEV1}, {**certified(RSA[2]), **IKEV1}), asked("xauth", USER, USER)
    ),
    "certificate, IKEv1": ({**CERTIFIED[0], **IKEV1}, {**CERTIFIED[1], **IKEV1}),
    "in full, a key against a certificate": (
        {
            "local_auth": [{"auth": "psk", "psk": KEY["psk"]}],
            "remote_auth": [{"auth": "ecdsa-sha256", "ca_certificates": [CA.pem], "revocation": "ifuri"}],
        },
        {
            "local_auth": [{"certificates": [GW[2].pem], "private_keys": [GW[2].key_pem]}],
            "remote_auth": [{"auth": "psk", "psk": KEY["psk"]}],
        },
    ),
    "in full, many users": (
        {"auth_method": "eap_mschapv2", **USER, **TRUST},
        {
            "local_auth": [{"certificates": [GW[2].pem], "private_keys": [GW[2].key_pem]}],
            "remote_auth": [
                {
                    "auth": "eap-mschapv2",
                    "eap_id": "any",
                    "users": [
                        {"username": "bert", "password": "another one"},
                        USER,
                    ],
                }
            ],
        },
    ),
    "in full, bare public keys": (
        {
            "local_auth": [{"public_keys": [PUBLIC[1]], "private_keys": [GW[1].key_pem]}],
            "remote_auth": [{"public_keys": [PUBLIC[2]]}],
        },
        {
            "local_auth": [{"public_keys": [PUBLIC[2]], "private_keys": [GW[2].key_pem]}],
            "remote_auth": [{"public_keys": [PUBLIC[1]]}],
        },
    ),
    "in full, the peer's own certificate": (
        {
            "local_auth": [{"certificates": [GW[1].pem], "private_keys": [GW[1].key_pem]}],
            "remote_auth": [{"certificates": [GW[2].pem]}],
        },
        {
            "local_auth": [{"certificates": [GW[2].pem], "private_keys": [GW[2].key_pem]}],
            "remote_auth": [{"certificates": [GW[1].pem]}],
        },
    ),
}


FIELDS = {"certificate": "S14", "eap_tls": "S15", "eap_md5": "S16", "eap_mschapv2": "S17", "then": "S20"}


def fields(way: str) -> list[pytest.MarkDecorator]:
    """Return what a way proves: the fields of the page that its name speaks of."""
    option = "phase1.second_authentication" if "then" in way else "phase1.auth_method"
    proven = [field for word, field in FIELDS.items() if word in re.split(r"[ ,]+", way)]
    marks = [pytest.mark.proves(*proven, option=option)] if proven else []
    return [*marks, pytest.mark.proves(key="secrets.xauth<suffix>", option=option)] if "xauth" in way else marks


PROVEN = {
    "connections.<conn>.local<suffix>.certs": "phase1.certificate",
    "connections.<conn>.local<suffix>.eap_id": "phase1.username",
    "connections.<conn>.local<suffix>.xauth_id": "phase1.username",
    "connections.<conn>.remote<suffix>.cacerts": "phase1.ca_certificates",
    "connections.<conn>.remote<suffix>.certs": "phase1.remote_auth",
    "connections.<conn>.remote<suffix>.eap_id": "phase1.remote_auth",
    "secrets.eap<suffix>.id<suffix>": "phase1.username",
    "secrets.eap<suffix>.secret": "phase1.password",
}


@proving([pytest.mark.proves(key=key, option=option) for key, option in PROVEN.items()])
@pytest.mark.parametrize("way", [pytest.param(way, marks=fields(way)) for way in WAYS])
@pytest.mark.parametrize("client", [1, 2])
def test_every_way(ends: Ends, way: str, client: int) -> None:
    """The client is the initiator, so that each end is initiator once and responder once."""
    as_client, as_server = WAYS[way]
    if client == 2:
        as_client, as_server = exchanged(as_client), exchanged(as_server)
    ends.apply(client, **as_client)
    ends.apply(3 - client, **as_server)
    sa = ends.up(client)
    assert (sa["state"], sa["remote-id"]) == ("ESTABLISHED", f"gw{3 - client}.example.org")
    assert not ends.apply(client, **as_client).changed


POSTQUANTUM = {"ppk_id": "fleet-2026", "ppk": "tomorrow never knows of it", "ppk_required": True}


@proving(
    [
        pytest.mark.proves(key=key, option=option)
        for key, option in {
            "connections.<conn>.ppk_id": "phase1.ppk_id",
            "connections.<conn>.ppk_required": "phase1.ppk_required",
            "secrets.ppk<suffix>.id<suffix>": "phase1.ppk_id",
            "secrets.ppk<suffix>.secret": "phase1.ppk",
        }.items()
    ]
)
def test_a_postquantum_key_is_mixed_in_and_required(ends: Ends) -> None:
    for number in (1, 2):
        ends.apply(number, **KEY)
    assert "ppk" not in ends.up(1)
    for number in (1, 2):
        ends.apply(number, **KEY, **POSTQUANTUM)
    assert ends.up(1)["ppk"] == "yes"
    assert not ends.apply(1, **KEY, **POSTQUANTUM).changed
    ends.apply(2, **KEY, **{**POSTQUANTUM, "ppk": "another one than theirs"})
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(1)
    ends.apply(2, **KEY)
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(1)


def exchanged(value: Any) -> Any:
    """Return options with the certificates and keys of the two ends exchanged."""
    if isinstance(value, dict):
        return {key: exchanged(each) for key, each in value.items()}
    if isinstance(value, list):
        return [exchanged(each) for each in value]
    return _OTHER.get(value, value) if isinstance(value, str) else value


_PAIRS = [(pair[1], pair[2]) for pair in (GW, RSA)]
_OTHER = {PUBLIC[1]: PUBLIC[2], PUBLIC[2]: PUBLIC[1]} | {
    text: other
    for one, two in _PAIRS
    for text, other in ((one.pem, two.pem), (two.pem, one.pem), (one.key_pem, two.key_pem), (two.key_pem, one.key_pem))
}
PROVEN_BY_A_SECRET = [
    way for way in WAYS if "eap_m" in way or "xauth" in way or way.startswith(("psk", "certificate then psk"))
]


def spoilt(value: Any, name: str) -> Any:
    """Return options in which the secret of this name is another one, wherever it stands."""
    if isinstance(value, dict):
        return {key: "wrong" if key == name else spoilt(each, name) for key, each in value.items()}
    return value


@pytest.mark.parametrize("way", PROVEN_BY_A_SECRET)
def test_a_wrong_secret_is_refused(ends: Ends, way: str) -> None:
    as_client, as_server = WAYS[way]
    ends.apply(1, **spoilt(as_client, "password" if "password" in str(as_client) else "psk"))
    ends.apply(2, **as_server)
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(1)


def with_key_of(number: int, theirs: str) -> Config:
    """Return the options of an end with a bare key, that takes this one of the peer."""
    mine = {"public_keys": [PUBLIC[number]], "private_keys": [GW[number].key_pem]}
    return {"local_auth": [mine], "remote_auth": [{"public_keys": [theirs]}]}


@proving(
    [
        pytest.mark.proves(key=f"connections.<conn>.{side}<suffix>.pubkeys", option=f"phase1.{side}_auth")
        for side in ("local", "remote")
    ]
)
def test_only_the_bare_key_that_was_told_is_taken(ends: Ends) -> None:
    ends.apply(2, **with_key_of(2, PUBLIC[1]))
    ends.apply(1, **with_key_of(1, pki.public_pem(pki.new_key())))
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(1)
    ends.apply(1, **with_key_of(1, PUBLIC[2]))
    ends.up(1)
    swanctl_all(ends.pair[0], ends.hosts[1])
    assert not ends.apply(1, **with_key_of(1, PUBLIC[2])).changed
    ends.up(1)
    # An authority that goes takes all credentials along, and those of this connection come back.
    bare = with_key_of(1, PUBLIC[2])
    wanted = {**tunnel(1, **bare), "authorities": [{"name": "fleet", "ca_certificate": CA.pem}]}
    run(ends.hosts[1], wanted)
    outcome = run(ends.hosts[1], tunnel(1, **bare))
    assert "forget" in [step.verb for step in outcome.plan.steps]
    ends.up(1)


@pytest.mark.parametrize("initiator", [1, 2])
def test_certificates(ends: Ends, initiator: int) -> None:
    for number in (1, 2):
        ends.apply(number, **certified(GW[number]))
    sa = ends.up(initiator)
    assert (sa["local-id"], sa["remote-id"]) == (f"gw{initiator}.example.org", f"gw{3 - initiator}.example.org")


def test_a_second_run_changes_nothing_and_neither_does_a_reload_by_swanctl(ends: Ends) -> None:
    ends.apply(1, **certified(GW[1]))
    host = ends.hosts[1]
    held = host.charon.key_ids(), sorted(host.charon.certificates())
    assert not ends.apply(1, **certified(GW[1])).changed
    said = swanctl_all(ends.pair[0], host)
    assert "loading" not in said, said
    assert (host.charon.key_ids(), sorted(host.charon.certificates())) == held
    assert not ends.apply(1, **certified(GW[1])).changed


def test_an_authority_that_goes_is_trusted_no_more(ends: Ends) -> None:
    for number in (1, 2):
        ends.apply(number, **certified(GW[number]))
    stranger = OTHER_CA.issue("gw2.example.org")
    swanctl_all(ends.pair[0], ends.hosts[1])
    outcome = ends.apply(1, **certified(GW[1], OTHER_CA))
    assert [str(step).rpartition("/")[0] for step in outcome.plan.steps if step.verb == "forget"] == [
        "forget trust x509ca"
    ]
    held = [data for _kind, data in ends.hosts[1].charon.certificates()]
    assert len(held) == 2
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(2)
    ends.apply(2, **{**certified(stranger), "ca_certificates": [CA.pem]})
    ends.up(2)


@pytest.mark.parametrize("initiator", [1, 2])
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: OTHER_CA.issue("gw2.example.org"), id="unknown authority"),
        pytest.param(
            lambda: CA.issue("gw2.example.org", valid=(pki.NOW - 9 * pki.DAY, pki.NOW - pki.DAY)), id="expired"
        ),
        pytest.param(
            lambda: CA.issue("gw2.example.org", valid=(pki.NOW + pki.DAY, pki.NOW + 9 * pki.DAY)), id="not yet"
        ),
    ],
)
def test_a_certificate_that_is_not_right_is_refused(ends: Ends, wrong: Any, initiator: int) -> None:
    ends.apply(1, **certified(GW[1]))
    ends.apply(2, **certified(wrong()))
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(initiator)


def test_nothing_is_left_when_all_goes(ends: Ends) -> None:
    ends.apply(1, **certified(GW[1]))
    host = ends.hosts[1]
    run(host, config([], []))
    below = Path(host.paths.swanctl)
    assert [path.name for path in below.rglob("*") if path.is_file()] == ["swanctl.conf"]
    assert (host.charon.key_ids(), host.charon.certificates(), host.charon.shared_ids()) == ([], [], [])
