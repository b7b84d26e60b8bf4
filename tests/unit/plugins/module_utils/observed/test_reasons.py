# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon says, and which reason that means."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.reasons import (
    REASONS,
    of_alert,
    of_speech,
    when,
)

NOON = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
VALID = "certificate expired: 'CN=gw' (valid from Nov 14 22:13:{} UTC 2023 to Nov 15 00:00:00 UTC 2023)"
# Numbers and texts as 5.9.8 and 6.0.1 send them.
ALERTS = [
    (2, "local authentication failed", "authentication_refused"),
    (3, "peer authentication failed", "authentication_failed"),
    (8, "the received IKE_SA proposals did not match: IKE:AES_CBC_128", "no_proposal"),
    (9, "the received CHILD_SA proposals did not match: ESP:AES_GCM_16_128", "no_proposal"),
    (10, "the received traffic selectors did not match: 10.9.0.0/24 === 10.2.0.0/24", "selectors"),
    (17, VALID.format("19"), "certificate_expired"),
    (17, VALID.format("20"), "certificate_expired"),
    (17, VALID.format("21"), "certificate_not_yet_valid"),
    (17, "certificate expired: in other words", "certificate_expired"),
    (18, "certificate revoked: 'CN=gw'", "certificate_revoked"),
    (19, "no trusted issuer certificate found: 'CN=ca'", "certificate_untrusted"),
    (20, "IKE message retransmission number 1", "peer_silent"),
    (21, "IKE response received after retransmission", None),
    (23, "failed to resolve peer address", "name_unresolved"),
    (26, "local traffic selectors narrowed to 10.1.0.0/25", None),
    (27, "keeping IKE_SA after failing to establish first CHILD_SA", "refused"),
    (29, "failed to validate certificate status: 'CN=gw'", "certificate_status_unknown"),
    (99, "something that a later release says", None),
]
SPEECH = [
    ("received AUTHENTICATION_FAILED notify error", "authentication_refused"),
    ("received NO_PROPOSAL_CHOSEN error notify", "no_proposal"),
    ("received TS_UNACCEPTABLE notify, no CHILD_SA built", "selectors"),
    ("received INVALID_ID_INFORMATION error notify", "selectors"),
    ("received MOBIKE_SUPPORTED notify", None),
    ("received packet: from 192.0.2.2[500] to 192.0.2.1[500] (36 bytes)", None),
    ("parsed IKE_SA_INIT response 0 [ N(NO_PROP) ]", None),
]


@pytest.mark.parametrize(("kind", "text", "reason"), ALERTS)
def test_an_alert_means_a_reason_or_none(kind: int, text: str, reason: str | None) -> None:
    assert of_alert(kind, text, NOON) == reason


@pytest.mark.parametrize(("text", "reason"), SPEECH)
def test_a_peers_answer_means_a_reason_or_none(text: str, reason: str | None) -> None:
    assert of_speech(text) == reason


def test_every_alert_that_charon_has_means_a_known_reason_or_none() -> None:
    assert {of_alert(kind, "", NOON) for kind in range(1, 33)} - {None} <= set(REASONS)


def test_every_reason_says_what_is_so_in_whole_sentences() -> None:
    for word, reason in REASONS.items():
        assert reason.text.endswith("."), word
        assert reason.state in {"unknown", "down", "standby", "connecting", "waiting"}


def test_times_are_utc_to_the_second() -> None:
    assert when(NOON + 0.9) == "2023-11-14T22:13:20Z"
