# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent remembers, as a text: killed at any moment, it goes on from there.

The moments in it are of a clock that begins anew with each boot, so that the text must not outlive one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from .decide import State
from .health import Health, Round
from .lifetimes import Ended
from .names import Named
from .paths import Followed
from .peers import Suspicion
from .refused import Refused
from .standing import Attempts, Standing, Trial
from .values import Action, Decision, Path
from .wanted import Check, Group

# Another release may remember other things.
_FORMAT = 1


def dump_state(state: State) -> str:
    """Return what is remembered, the same text for the same state."""
    kept = dataclasses.replace(state, last=None, wakes={})
    return json.dumps({"format": _FORMAT, **dataclasses.asdict(kept)}, sort_keys=True, default=sorted)


def load_state(text: str) -> State | None:
    """Return what a text says; None where it is none of this release, so that the agent begins anew."""
    try:
        raw = json.loads(text)
        return _state(raw) if raw["format"] == _FORMAT else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _state(raw: Mapping[str, Any]) -> State:
    return State(
        seed=raw["seed"],
        groups={name: _standing(each) for name, each in raw["groups"].items()},
        suspicions={name: Suspicion(**each) for name, each in raw["suspicions"].items()},
        followed={name: _followed(each) for name, each in raw["followed"].items()},
        ended={name: Ended(**each) for name, each in raw["ended"].items()},
        named={name: Named(**{**each, "known": tuple(each["known"])}) for name, each in raw["named"].items()},
        refused={name: Refused(**each) for name, each in raw["refused"].items()},
        decisions=tuple(Decision(each["at"], _action(each["action"])) for each in raw["decisions"]),
    )


def _standing(raw: Mapping[str, Any]) -> Standing:
    inner = {
        "group": _group(raw["group"]),
        "health": raw["health"] and _health(raw["health"]),
        "trial": raw["trial"] and Trial(**raw["trial"]),
        "search": raw["search"] and Attempts(**raw["search"]),
        "attempts": {name: Attempts(**each) for name, each in raw["attempts"].items()},
    }
    return Standing(**{**raw, **inner})


def _group(raw: Mapping[str, Any]) -> Group:
    check = raw["check"] and Check(**{**raw["check"], "addresses": tuple(raw["check"]["addresses"])})
    return Group(**{**raw, "fallbacks": tuple(raw["fallbacks"]), "check": check})


def _health(raw: Mapping[str, Any]) -> Health:
    rounds = tuple(Round(**{**each, "answered": frozenset(each["answered"])}) for each in raw["rounds"])
    return Health(**{**raw, "rounds": rounds})


def _followed(raw: Mapping[str, Any]) -> Followed:
    return Followed(**{**raw, "used": Path(**raw["used"]), "other": raw["other"] and Path(**raw["other"])})


def _action(raw: Mapping[str, Any]) -> Action:
    return Action(**{**raw, "addresses": tuple(raw["addresses"])})
