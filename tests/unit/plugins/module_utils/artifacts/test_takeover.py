# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of hand-written files when connections are taken out of them, and what cannot be taken out."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.takeover import (
    HandWritten,
    names_in,
    take_over,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import TakenOver
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

MAIN = "/s/swanctl.conf"
OURS = frozenset({"/s/conf.d/swanfleet.conf", "/s/conf.d/swanfleet-secrets.conf"})


def hand(texts: dict[str, str]) -> HandWritten:
    def include(pattern: str) -> Sequence[tuple[str, str]]:
        paths = sorted(path for path in {*texts, *OURS} if fnmatch.fnmatch(path, pattern))
        return [(path, texts.get(path, "")) for path in paths]

    return HandWritten(MAIN, texts, OURS, include)


def connection(name: str, address: str, *, more: str = "", above: str = "") -> str:
    return (
        f"{name} {above}{{ version = 2\nremote_addrs = {address}\nproposals = aes256-sha256-ecp256\n{more}local {{ auth = psk }}\n"
        f"remote {{ auth = psk\nid = {address} }}\nchildren {{ c {{ esp_proposals = aes256gcm16 }} }} }}"
    )


def secret(name: str, *owners: str, key: str = "") -> str:
    ids = "".join(f"id-{number} = {each}\n" for number, each in enumerate(owners))
    return f"ike-{name} {{ {ids}secret = {key or name} }}"


A, B = connection("a", "198.51.100.1"), connection("b", "198.51.100.2")
SA, SB = secret("a", "198.51.100.1"), secret("b", "198.51.100.2")
INCLUDE = "include conf.d/*.conf\n"


def taken(texts: dict[str, str], *names: str) -> TakenOver:
    found = hand(texts)
    return take_over(found, names or names_in(found))


@pytest.mark.parametrize(
    ("text", "names", "left"),
    [
        pytest.param(f"connections {{\n{A}\n}}\nsecrets {{\n{SA}\n}}\n{INCLUDE}", "a", INCLUDE, id="nothing is left"),
        pytest.param(
            f"connections {{\n  {A}\n  {B}\n}}\nsecrets {{\n  {SA}\n  {SB}\n}}\n{INCLUDE}", "a",
            f"connections {{\n  {B}\n}}\nsecrets {{\n  {SB}\n}}\n{INCLUDE}", id="the other stays",
        ),
        pytest.param(
            f"# first\nconnections {{ # second\n{A} # third\n}} # fourth\n# fifth\nsecrets {{ {SA} }} # sixth\n{INCLUDE}", "a",
            f"# first\nconnections {{ # second\n # third\n}} # fourth\n# fifth\n # sixth\n{INCLUDE}", id="remarks stay",
        ),
        pytest.param(
            f"connections {{ {A} {B} }} secrets {{ {SA} {SB} }} {INCLUDE}", "b",
            f"connections {{ {A}  }} secrets {{ {SA}  }} {INCLUDE}", id="all on one line",
        ),
        pytest.param(
            f"connections {{ {A} }}\nconnections {{ a {{ mobike = yes }} }}\nsecrets {{ {SA} }}\n{INCLUDE}", "a",
            INCLUDE, id="sections that stand twice",
        ),
        pytest.param(
            f"t {{ mobike = yes }}\nu {{ unique = no }}\nconnections {{ {connection('a', '198.51.100.1', above=': t, u ')}\n"
            f"{connection('b', '198.51.100.2', above=': u ')} }}\nsecrets {{ {SA} {SB} }}\n{INCLUDE}", "a",
            f"u {{ unique = no }}\nconnections {{ \n{connection('b', '198.51.100.2', above=': u ')} }}\n"
            f"secrets {{  {SB} }}\n{INCLUDE}",
            id="a section that nothing refers to any more",
        ),
        pytest.param(
            f"t : u {{ }}\nu {{ unique = no }}\nconnections {{ {connection('a', '198.51.100.1', above=': t ')} }}\n"
            f"secrets {{ {SA} }}\n{INCLUDE}", "a", INCLUDE, id="and what that referred to",
        ),
        *(
            pytest.param(
                f"{kind} {{ t {{ }} }}\nconnections {{ {connection('a', '198.51.100.1', above=f': {kind}.t ')} }}\n"
                f"secrets {{ {SA} }}\n{INCLUDE}", "a", f"{kind} {{ t {{ }} }}\n{INCLUDE}", id=f"but not {kind}",
            )
            for kind in ("authorities", "pools")
        ),
        pytest.param(
            f"connections {{ {A} }}\nsecrets {{ {SA} {secret('old', 'x.org')} }}\n{INCLUDE}", "a",
            f"secrets {{  {secret('old', 'x.org')} }}\n{INCLUDE}", id="a secret of nobody stays",
        ),
        pytest.param(
            f"connections {{ {A} }}\nsecrets {{ {SA} }}\npools {{ p {{ addrs = 10.0.0.0/8 }} }}\n{INCLUDE}", "a",
            f"pools {{ p {{ addrs = 10.0.0.0/8 }} }}\n{INCLUDE}", id="other sections stay",
        ),
        pytest.param(
            f"connections {{ {A} }}\nsecrets {{ {SA} }}", "a", "include conf.d/swanfleet*.conf\n", id="our files are included",
        ),
        pytest.param(
            f"connections {{ {A} }}\nsecrets {{ {SA} }}\ninclude conf.d/*.con\n# end", "a",
            "include conf.d/*.con\n# end\ninclude conf.d/swanfleet*.conf\n", id="where no pattern finds them",
        ),
    ],
)  # fmt: skip
def test_what_is_not_taken_over_stays_as_it_is(text: str, names: str, left: str) -> None:
    found = taken({MAIN: text}, *names)
    assert found.rest.texts == {MAIN: left}
    assert sorted(found.gateway.phase1) == list(names)


def test_files_that_say_nothing_any_more_go_and_others_stay() -> None:
    texts = {
        MAIN: f"include conf.d/*.conf\nconnections {{\ninclude tunnels/*.conf\n}}\nsecrets {{ {SB} }}\n",
        "/s/conf.d/keys.conf": f"# keys\nsecrets {{ {SA} }}\n",
        "/s/conf.d/notes.conf": "# for later\n",
        "/s/tunnels/a.conf": connection("a", "198.51.100.1", more="include ../common.conf\n"),
        "/s/tunnels/b.conf": B,
        "/s/common.conf": "mobike = yes\n",
    }
    assert taken(texts, "a").rest.texts == {
        "/s/conf.d/keys.conf": None,
        "/s/tunnels/a.conf": None,
        "/s/common.conf": None,
    }
    everything = taken(texts).rest
    assert everything.texts["/s/tunnels/b.conf"] is None
    assert everything.texts[MAIN] == "include conf.d/*.conf\nconnections {\ninclude tunnels/*.conf\n}\n"
    assert "/s/conf.d/notes.conf" not in everything.texts
    assert everything.secrets == ("ike-a", "ike-b")


def test_what_others_include_stays() -> None:
    a = connection("a", "198.51.100.1", more="include common.conf\n")
    texts = {
        MAIN: f"connections {{\n{a}\nb {{ include common.conf\n}} }}\nsecrets {{ {SA} }}\n{INCLUDE}",
        "/s/common.conf": "\nmobike = yes\n",
    }
    assert list(taken(texts, "a").rest.texts) == [MAIN]


@pytest.mark.parametrize(
    ("owners", "stays"),
    [
        (("198.51.100.1",), False),
        ((), True),
        (("%any",), True),
        (("198.51.100.1", "198.51.100.2"), True),
        (("198.51.100.1", "*.example.org"), True),
        (("192.0.2.1", "198.51.100.1"), False),
        (("192.0.2.1",), True),
    ],
)
def test_a_secret_that_others_may_use_stays_too(owners: tuple[str, ...], stays: bool) -> None:
    local = "local_addrs = 192.0.2.1\n"
    a, b = connection("a", "198.51.100.1", more=local), connection("b", "198.51.100.2", more=local)
    text = f"connections {{ {a} {b} }}\nsecrets {{ {secret('x', *owners)} }}\n{INCLUDE}"
    found = taken({MAIN: text}, "a")
    assert found.rest.secrets == (() if stays else ("ike-x",))
    assert ("ike-x" in str(found.rest.texts[MAIN])) == stays
    assert found.notes == (
        ("secrets.ike-x stays in its file too, since connections that stay may use it: b",) if stays else ()
    )
    key = found.gateway.phase1["a"].psk
    assert key is not None
    assert key.reveal() == "x"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({MAIN: f"connections {{ {A} }}\n"}, "/s/swanctl.conf:1: connections.a: the files have no pre-shared key for it"),
        (
            {MAIN: f"x {{ {A} }}\nconnections : x {{ }}\nsecrets {{ {SA} }}"},
            "connections.a: it stands in a section that this one refers to",
        ),
        (
            {MAIN: "connections { include a.conf\n}\n}\nsecrets { " + SA + " }", "/s/a.conf": A[:-1]},
            "connections.a: its section begins in this file and ends in another one",
        ),
        (
            {MAIN: f"connections {{ {A}\n b : connections.a {{ }} }}\nsecrets {{ {SA} }}"},
            "would change what stays there",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_out_is_refused(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        taken(texts, "a")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "owner"),
    [
        ("remote_addrs = 198.51.100.2", "remote_addrs = 198.51.100.2 , 198.51.100.7", "198.51.100.7"),
        ("id = 198.51.100.2", "id = peer.example.org", "fqdn:peer.example.org"),
        ("id = 198.51.100.2", "eap_id = anybody\nid = @peer.example.org", "peer.example.org"),
    ],
)
def test_a_secret_stays_for_whatever_a_peer_may_be_known_by(old: str, new: str, owner: str) -> None:
    text = f"connections {{ {A} {B.replace(old, new)} }}\nsecrets {{ {secret('x', '198.51.100.1', owner)} }}\n{INCLUDE}"
    assert taken({MAIN: text}, "a").rest.secrets == ()


def test_a_section_that_ends_in_another_file_stays_though_nothing_refers_to_it_any_more() -> None:
    a = connection("a", "198.51.100.1", above=": t ")
    texts = {
        MAIN: f"include t.conf\n}}\nconnections {{ {a} }}\nsecrets {{ {SA} }}\n{INCLUDE}",
        "/s/t.conf": "t { unique = no\n",
    }
    assert taken(texts, "a").rest.texts == {MAIN: f"include t.conf\n}}\n{INCLUDE}"}


def test_only_what_is_asked_for_is_looked_at() -> None:
    strange = B.replace("version = 2", "version = 2\ncolour = green")
    texts = {
        MAIN: f"connections {{ {A} {strange} }}\nsecrets {{ {SA} eap-x {{ secret = y }} }}\nnonsense {{ }}\n{INCLUDE}"
    }
    assert sorted(taken(texts, "a").gateway.phase1) == ["a"]
    with pytest.raises(ValidationError, match=r"connections\.b\.colour"):
        taken(texts)


def test_nothing_by_hand_is_nothing_to_take_over() -> None:
    found = taken({MAIN: f"# nothing\n{INCLUDE}"})
    assert (bool(found), found.rest.texts, found.rest.secrets) == (False, {}, ())


@pytest.mark.parametrize(("method", "stays"), [("psk", False), ("eap-md5", True), ("XAUTH", True)])
def test_the_password_of_a_user_stays_for_any_other_server_of_users(method: str, stays: bool) -> None:
    a = connection("a", "198.51.100.1").replace("remote { auth = psk", "remote { auth = eap-md5\neap_id = %any")
    b = connection("b", "198.51.100.2").replace("remote { auth = psk", f"remote {{ auth = {method}")
    secrets = f"{secret('b', '198.51.100.2')} {secret('a', '198.51.100.1')} eap-anna {{ id = anna\nsecret = hunter22 }}"
    found = taken({MAIN: f"connections {{ {a} {b} }}\nsecrets {{ {secrets} }}\n{INCLUDE}"}, "a")
    assert ("eap-anna" in found.rest.secrets) is not stays
    assert ("hunter22" in str(found.rest.texts[MAIN])) is stays
    assert [each for each in found.notes if "eap-anna" in each] == (
        ["secrets.eap-anna stays in its file too, since connections that stay may use it: b"] if stays else []
    )


@pytest.mark.parametrize(
    ("name", "owner", "stays"),
    [("fleet", "id = fleet", True), ("other", "id = fleet", False), ("other", "", True)],
)
def test_a_postquantum_key_stays_for_others_of_its_name(name: str, owner: str, *, stays: bool) -> None:
    a = connection("a", "198.51.100.1", more="ppk_id = fleet\n")
    b = connection("b", "198.51.100.2", more=f"ppk_id = {name}\n")
    secrets = f"{SA} {SB} ppk-1 {{ {owner}\nsecret = hunter22 }}"
    found = taken({MAIN: f"connections {{ {a} {b} }}\nsecrets {{ {secrets} }}\n{INCLUDE}"}, "a")
    assert ("ppk-1" in found.rest.secrets) is not stays


def test_certificates_are_found_where_swanctl_reads_them() -> None:
    a = connection("a", "198.51.100.1").replace("auth = psk", "auth = pubkey\ncerts = a.pem", 1)
    found = taken({MAIN: f"connections {{ {a.replace('auth = psk', 'cacerts = ca.pem')} }}\n{INCLUDE}"}, "a")
    [item] = found.gateway.phase1.values()
    assert item.local_auth is not None
    assert item.remote_auth is not None
    assert (item.local_auth[0].certificates, item.remote_auth[0].ca_certificates) == (
        ("/s/x509/a.pem",),
        ("/s/x509ca/ca.pem",),
    )
