# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed at any moment leaves the old or the new state, and the next run completes. Late, for it adds a tunnel."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

# make prove asks for more.
KILLS = int(os.environ.get("SWANFLEET_KILLS", "5"))
PROGRAM = Path(__file__).resolve().parents[1] / "kill_runs.py"


def test_killed_runs(lab):
    seed = random.SystemRandom().randrange(1_000_000)
    lab.run("berlin", ["sh", "-c", "cat > /run/kill_runs.py"], input=PROGRAM.read_text())
    told = json.loads(
        lab.run("berlin", ["python3", "/run/kill_runs.py", str(KILLS), str(seed)], timeout=300 + 40 * KILLS).stdout
    )
    kills = told["kills"]
    print(json.dumps(told, indent=1))
    # Those that had ended before their moment came do not count, and were tried again.
    assert len(kills) == KILLS, told
    for kill in kills:
        assert kill["recovered"], (seed, kill)
        assert kill["state"] in ("old", "new"), (seed, kill)
        assert kill["next run completes"], (seed, kill)
        assert kill["others undisturbed"], (seed, kill)
        if kill["by"] == "the next run":
            assert kill["state"] == kill["towards"], (seed, kill)
    # One that was never interrupted in its steps proves little.
    assert {kill["by"] for kill in kills} == {"restore", "the next run"}
    assert any(kill["steps of the recovery"] for kill in kills), told
