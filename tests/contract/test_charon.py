# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine relies on in the IKE daemon, held against the fake and against a real charon alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    READING_COMMANDS,
    Charon,
    DaemonRefused,
    Tree,
)
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, releases
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon
from ansible_collections.swanfleet.ipsec.tests.generators import material

BERLIN: dict[str, Any] = {
    "version": "2",
    "local_addrs": ["192.0.2.1"],
    "remote_addrs": ["192.0.2.2"],
    "proposals": ["aes256-sha256-curve25519"],
    "rekey_time": "4h",
    "over_time": "600",
    "dpd_delay": "30s",
    "unique": "replace",
    "if_id_in": "42",
    "if_id_out": "42",
    "mobike": "no",
    "local": {"auth": "psk", "id": "fqdn:gw1.example.org"},
    "remote": {"auth": "psk", "id": "fqdn:gw2.example.org"},
    "children": {
        "lan": {
            "local_ts": ["10.1.0.0/24"],
            "remote_ts": ["10.2.0.7/24", "2001:db8::/32"],
            "esp_proposals": ["aes256gcm16"],
            "start_action": "none",
            "close_action": "trap",
            "dpd_action": "restart",
            "rekey_time": "50m",
            "life_time": "1h",
        }
    },
}
EMPTY_ROUND: dict[str, list[str]] = {"groups": [], "cert_policy": [], "certs": [], "cacerts": []}
BERLIN_SHOWN = {
    "local_addrs": ["192.0.2.1"],
    "remote_addrs": ["192.0.2.2"],
    "version": "IKEv2",
    "reauth_time": "0",
    "rekey_time": "14400",
    "unique": "UNIQUE_REPLACE",
    "dpd_delay": "30",
    "local-1": {"id": "gw1.example.org", "class": "pre-shared key", **EMPTY_ROUND},
    "remote-1": {"id": "gw2.example.org", "class": "pre-shared key", **EMPTY_ROUND},
    "children": {
        "lan": {
            "mode": "TUNNEL",
            "rekey_time": "3000",
            "rekey_bytes": "0",
            "rekey_packets": "0",
            "dpd_action": "start",
            "close_action": "trap",
            "local-ts": ["10.1.0.0/24"],
            "remote-ts": ["10.2.0.0/24", "2001:db8::/32"],
        }
    },
}

Process = charon_process.CharonProcess
VERSIONS = {"fake": "5.9.8", "12": "5.9.8", "13": "6.0.1"}
REAL = [
    pytest.param(release, marks=[pytest.mark.charon, pytest.mark.root], id=f"debian{release}")
    for release in releases.RELEASES
]


@pytest.fixture(scope="module")
def pair_of() -> Iterator[Callable[[str], tuple[Process, Process]]]:
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with releases.of_each(lambda release: charon_process.wired(release=release)) as of:
        yield of


@pytest.fixture(params=["fake", *REAL])
def charon(request: pytest.FixtureRequest) -> Iterator[Charon]:
    """Give an empty daemon; the real one has a peer at 192.0.2.2, which accepts BERLIN's other half."""
    if request.param == "fake":
        yield FakeCharon()
        return
    near, far = request.getfixturevalue("pair_of")(request.param)
    with near.client() as here, far.client() as there:
        charon_process.clean(here)
        charon_process.clean(there)
        there.load_shared(id="psk", kind="ike", owners=[], data=b"s3cret")
        there.load_connection("peer", PEER)
        here.commands.clear()
        failed, told = request.session.testsfailed, near.mark()
        yield here
        if request.session.testsfailed > failed:
            print(near.log(told))


PEER = {
    **{key: BERLIN[key] for key in ("version", "proposals", "unique")},
    "local": BERLIN["remote"],
    "remote": BERLIN["local"],
    "children": {"lan": {"local_ts": ["10.2.0.0/24"], "remote_ts": ["10.1.0.0/24"], "esp_proposals": ["aes256gcm16"]}},
}


def without(*keys: str, **changes: Any) -> Tree:
    return {**{key: value for key, value in BERLIN.items() if key not in keys}, **changes}


def with_child(**changes: Any) -> Tree:
    return {**BERLIN, "children": {"lan": {**BERLIN["children"]["lan"], **changes}}}


def test_an_empty_daemon_has_nothing_and_says_who_it_is(charon: Charon, request: pytest.FixtureRequest) -> None:
    state = charon.state()
    version = VERSIONS[request.node.callspec.params["charon"]]
    assert (state.daemon, state.version, state.ike_sas) == ("charon-systemd", version, 0)
    assert "vici" in state.plugins
    assert state.start_id
    assert state == charon.state()
    assert (charon.connections(), charon.connection_names(), charon.shared_ids(), charon.sas()) == ({}, [], [], [])


def test_a_loaded_connection_is_listed_as_charon_understood_it(charon: Charon) -> None:
    charon.load_connection("berlin", BERLIN)
    assert charon.connections() == {"berlin": BERLIN_SHOWN}
    assert charon.connection_names() == ["berlin"]


@pytest.mark.parametrize(
    ("tree", "key", "shown"),
    [
        pytest.param({}, "version", "IKEv1/2", id="no version is both"),
        pytest.param({}, "remote_addrs", ["%any"], id="no address is any"),
        pytest.param({"local_addrs": []}, "local_addrs", ["%any"], id="an empty list is any"),
        pytest.param({}, "rekey_time", "14400", id="4 h by default"),
        pytest.param({"reauth_time": "1d"}, "reauth_time", "86400", id="days"),
        pytest.param({"reauth_time": "1d"}, "rekey_time", "0", id="no rekey by default where reauth is set"),
        pytest.param({"unique": "never"}, "unique", "UNIQUE_NEVER", id="unique"),
        pytest.param({}, "unique", "UNIQUE_NO", id="unique by default"),
        pytest.param({}, "children", {}, id="no child"),
        pytest.param(
            {"local": {"auth": "psk"}}, "local-1", {"class": "pre-shared key", **EMPTY_ROUND}, id="no identity"
        ),
        pytest.param({"local": {"auth": "psk"}}, "remote-1", EMPTY_ROUND, id="a missing round is shown empty"),
    ],
)
def test_defaults_and_units_are_shown_resolved(*, charon: Charon, tree: Tree, key: str, shown: object) -> None:
    charon.load_connection("x", tree)
    assert charon.connections()["x"][key] == shown


def test_zero_dpd_is_not_shown(charon: Charon) -> None:
    charon.load_connection("x", {"dpd_delay": "0", "dpd_timeout": "0"})
    assert not {"dpd_delay", "dpd_timeout"} & set(charon.connections()["x"])


@pytest.mark.parametrize("count", [2, 40])
def test_connections_narrows_to_names_and_leaves_out_unknown_ones(charon: Charon, count: int) -> None:
    for number in range(45):
        charon.load_connection(f"c{number}", {})
    wanted = [f"c{number}" for number in range(count)]
    assert list(charon.connections([*wanted, "nope"])) == wanted


def test_loading_again_replaces_and_keeps_the_place(charon: Charon) -> None:
    for name in ("z", "a", "m"):
        charon.load_connection(name, {})
    charon.load_connection("a", BERLIN)
    charon.load_connection("a", BERLIN)
    assert charon.connection_names() == list(charon.connections()) == ["z", "a", "m"]
    assert charon.connections(["a"]) == {"a": BERLIN_SHOWN}


def test_an_unloaded_connection_is_gone(charon: Charon) -> None:
    charon.load_connection("berlin", BERLIN)
    charon.unload_connection("berlin")
    assert (charon.connection_names(), charon.connections()) == ([], {})


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        pytest.param(without(nonsense="1"), "unknown option: nonsense", id="unknown key"),
        pytest.param(with_child(nonsense="1"), "unknown option: nonsense", id="unknown key in a child"),
        pytest.param(without(local_addrs="192.0.2.1"), "unknown option: local_addrs", id="text for a list"),
        pytest.param(without(proposals="aes256-sha256"), "unknown option: proposals", id="text for proposals"),
        pytest.param(with_child(remote_ts="10.2.0.0/24"), "unknown option: remote_ts", id="text for a list in a child"),
        pytest.param(without(version=["2"]), "unknown option: version", id="a list for text"),
        pytest.param(with_child(mode=["tunnel"]), "unknown option: mode", id="a list for text in a child"),
        pytest.param(without(proposals=["foo"]), "invalid value for: proposals", id="unknown algorithm"),
        pytest.param(without(proposals=["AES256-SHA256"]), "invalid value for: proposals", id="upper case"),
        pytest.param(without(unique="x"), "invalid value for: unique", id="unknown word"),
        pytest.param(without(mobike="maybe"), "invalid value for: mobike", id="neither yes nor no"),
        pytest.param(without(rekey_time="1x"), "invalid value for: rekey_time", id="unknown unit"),
        pytest.param(without(local={"auth": "xxx"}), "invalid value for: auth", id="unknown auth"),
        pytest.param(with_child(start_action="x"), "invalid value for: start_action", id="unknown action"),
        pytest.param(with_child(local_ts=["300.0.0.0/8"]), "invalid value for: local_ts", id="no network"),
    ],
)
def test_a_refused_connection_changes_nothing(charon: Charon, tree: Tree, reason: str) -> None:
    charon.load_connection("berlin", BERLIN)
    with pytest.raises(DaemonRefused) as refused:
        charon.load_connection("berlin", tree)
    assert (refused.value.command, refused.value.subject) == ("load-conn", "berlin")
    assert refused.value.errmsg == f"{reason}, config discarded"
    assert charon.connections() == {"berlin": BERLIN_SHOWN}


def test_an_unknown_section_is_refused(charon: Charon) -> None:
    with pytest.raises(DaemonRefused, match="invalid section: nonsense"):
        charon.load_connection("berlin", without(nonsense={"a": "b"}))
    assert charon.connections() == {}


def test_a_shared_secret_is_listed_by_id_until_unloaded(charon: Charon) -> None:
    charon.load_shared(id="ike-a", kind="ike", owners=["fqdn:a", "%any"], data=b"\x00\xff")
    charon.load_shared(id="ike-b", kind="IKE", owners=[], data=b"b")
    charon.load_shared(id="ike-a", kind="ike", owners=["fqdn:c"], data=b"replaced")
    assert sorted(charon.shared_ids()) == ["ike-a", "ike-b"]
    charon.unload_shared("ike-a")
    charon.unload_shared("ike-a")
    assert charon.shared_ids() == ["ike-b"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda charon: charon.unload_connection("no"), ("unload-conn", "no", "unload: connection 'no' not found")),
        (
            lambda charon: charon.initiate(ike="no", child="lan", timeout_ms=1000),
            ("initiate", "no/lan", "CHILD_SA config 'lan' not found"),
        ),
        (
            lambda charon: charon.initiate(ike="berlin", child="x", timeout_ms=1000),
            ("initiate", "berlin/x", "CHILD_SA config 'x' not found"),
        ),
        (
            lambda charon: charon.load_shared(id="s", kind="foo", owners=[], data=b"x"),
            ("load-shared", "s", "invalid shared key type: foo"),
        ),
        (
            lambda charon: charon.load_shared(id="s", kind="ike", owners=[], data=b""),
            ("load-shared", "s", "shared key data missing"),
        ),
    ],
)
def test_what_charon_refuses(charon: Charon, call: Callable[[Charon], None], said: tuple[str, str, str]) -> None:
    charon.load_connection("berlin", BERLIN)
    with pytest.raises(DaemonRefused) as refused:
        call(charon)
    assert (refused.value.command, refused.value.subject, refused.value.errmsg) == said
    assert charon.shared_ids() == []


def test_ending_and_rekeying_what_is_not_there_is_no_error(charon: Charon) -> None:
    charon.load_connection("berlin", BERLIN)
    assert charon.terminate(ike="berlin", timeout_ms=1000) == 0
    assert charon.terminate(ike_id=4711, timeout_ms=1000, force=True) == 0
    assert charon.terminate(child="lan", timeout_ms=1000) == 0
    assert charon.rekey(ike="berlin") == 0
    assert charon.rekey(child="lan") == 0


def test_all_sas_at_once_cannot_be_asked_for(charon: Charon) -> None:
    with pytest.raises(TypeError):
        charon.terminate(timeout_ms=1000)
    with pytest.raises(TypeError):
        charon.rekey()
    assert not charon.commands


def test_a_tunnel_comes_up_is_listed_and_ends(charon: Charon) -> None:
    charon.load_shared(id="psk", kind="ike", owners=[], data=b"s3cret")
    charon.load_connection("berlin", without("if_id_in", "if_id_out"))
    charon.initiate(ike="berlin", child="lan", timeout_ms=5000)

    [(name, sa)] = charon.sas()
    [child] = sa["child-sas"].values()
    assert (name, sa["version"], sa["state"]) == ("berlin", "2", "ESTABLISHED")
    assert (child["name"], child["state"], child["mode"]) == ("lan", "INSTALLED", "TUNNEL")
    assert child["local-ts"] == ["10.1.0.0/24"]
    assert charon.state().ike_sas == 1

    assert charon.terminate(ike="berlin", child="lan", timeout_ms=5000) == 1
    [(_name, sa)] = charon.sas()
    assert sa["child-sas"] == {}
    assert charon.terminate(ike_id=int(sa["uniqueid"]), timeout_ms=5000) == 1
    assert charon.sas() == []


def test_an_initiation_that_waits_for_nothing_returns(charon: Charon) -> None:
    charon.load_shared(id="psk", kind="ike", owners=[], data=b"s3cret")
    charon.load_connection("berlin", without("if_id_in", "if_id_out"))
    charon.initiate(ike="berlin", child="lan", timeout_ms=-1)


def test_an_unreachable_peer_is_refused_when_the_time_is_over(charon: Charon) -> None:
    charon.load_connection("berlin", without(remote_addrs=["192.0.2.99"]))
    if isinstance(charon, FakeCharon):
        charon.reachable = False
    with pytest.raises(DaemonRefused) as refused:
        charon.initiate(ike="berlin", child="lan", timeout_ms=200)
    assert refused.value.errmsg == "CHILD_SA 'lan' not established after 200ms"


def test_unloading_keeps_the_sas_of_a_child_that_was_not_started_by_loading(charon: Charon) -> None:
    charon.load_shared(id="psk", kind="ike", owners=[], data=b"s3cret")
    charon.load_connection("berlin", without("if_id_in", "if_id_out"))
    charon.initiate(ike="berlin", child="lan", timeout_ms=5000)
    charon.unload_connection("berlin")
    assert [name for name, _sa in charon.sas()] == ["berlin"]


def test_traps_are_those_of_children_that_start_with_traffic(charon: Charon) -> None:
    assert charon.traps() == frozenset()
    charon.load_connection("berlin", with_child(start_action="trap", remote_ts=["10.2.0.0/24"]))
    charon.load_connection("rome", BERLIN)
    assert charon.traps() == {("berlin", "lan")}
    charon.unload_connection("berlin")
    assert charon.traps() == frozenset()


def test_a_key_on_a_token_that_is_not_there_is_refused(charon: Charon) -> None:
    with pytest.raises(DaemonRefused, match="loading private key from token failed"):
        charon.load_token({"handle": "0a", "pin": "1234"})
    assert charon.key_ids() == []


def test_authorities_are_shown_replaced_and_unloaded_with_their_certificates(charon: Charon) -> None:
    assert charon.authorities() == {}
    tree: Tree = {"cacert": material.AUTHORITY, "crl_uris": ["http://a/", "file:///b"], "cert_uri_base": "http://c/"}
    charon.load_authority("one", tree)
    shown = charon.authorities()["one"]
    assert {key: shown[key] for key in ("crl_uris", "ocsp_uris", "cert_uri_base")} == {
        "crl_uris": ["http://a/", "file:///b"], "ocsp_uris": [], "cert_uri_base": "http://c/",
    }  # fmt: skip
    charon.load_authority("one", {"cacert": material.OTHER_AUTHORITY, "ocsp_uris": ["http://d/"]})
    shown = charon.authorities()["one"]
    assert (shown["crl_uris"], shown["ocsp_uris"], "cert_uri_base" in shown) == ([], ["http://d/"], False)
    charon.load_authority("two", {"cacert": material.OTHER_AUTHORITY})
    charon.unload_authority("one")
    assert (list(charon.authorities()), len(charon.certificates())) == (["two"], 1)
    charon.unload_authority("two")
    assert (charon.authorities(), charon.certificates()) == ({}, [])


@pytest.mark.parametrize(
    ("tree", "refusal"),
    [
        ({}, "CA certificate missing: x"),
        ({"cacert": "no certificate"}, "CA certificate missing: x"),
        ({"cacert": material.AUTHORITY, "crl_uri": "http://a/"}, "unknown option: crl_uri, authority discarded"),
    ],
)
def test_an_authority_that_cannot_be_is_refused(charon: Charon, tree: Tree, refusal: str) -> None:
    with pytest.raises(DaemonRefused, match=refusal):
        charon.load_authority("x", tree)
    with pytest.raises(DaemonRefused, match="unload: authority 'x' not found"):
        charon.unload_authority("x")


def test_commands_are_counted_by_name_and_reading_ones_are_told_apart(charon: Charon) -> None:
    charon.state()
    charon.connections()
    charon.connection_names()
    charon.shared_ids()
    charon.sas()
    charon.algorithms()
    charon.traps()
    charon.key_ids()
    charon.certificates()
    charon.pools()
    charon.authorities()
    charon.shunts()
    assert set(charon.commands) == READING_COMMANDS
    charon.load_connection("x", {})
    charon.load_connection("x", {})
    assert {name: n for name, n in charon.commands.items() if name not in READING_COMMANDS} == {"load-conn": 2}


def test_algorithms_name_their_plugin(charon: Charon) -> None:
    assert charon.algorithms()["encryption"]["AES_CBC"]
