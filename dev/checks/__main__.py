# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the checks: `python dev/checks check|test [PART…]`, inside the environment that dev/check makes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from parts import check_parts, features_part, scenarios_part, test_parts, with_the_build
from runner import Runner, summary


def main() -> int:
    """Run the chosen parts and return the exit code: 0 all passed, 1 some failed, 2 no such part, 130 interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("level", choices=("check", "test"))
    parser.add_argument("part", nargs="*", help="only these parts")
    chosen = parser.parse_args()
    stage = Path(os.environ["SWANFLEET_STAGE"])
    logs = stage / "logs"

    lab = chosen.level == "test"
    parts = [*check_parts(stage), features_part(stage, lab=False)]
    if lab:
        parts = [scenarios_part(stage), *check_parts(stage), *test_parts(stage), features_part(stage, lab=True)]
    unknown = set(chosen.part) - {part.name for part in parts}
    if unknown:
        print(
            f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(p.name for p in parts)}",
            file=sys.stderr,
        )
        return 2
    parts = [part for part in parts if not chosen.part or part.name in chosen.part]
    if any(part.name == "scenarios" for part in parts):
        parts = with_the_build(stage, parts)

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    started = time.monotonic()
    print(f"{len(parts)} parts: {', '.join(part.name for part in parts)}", flush=True)
    try:
        outcomes = Runner(logs=logs).run(parts)
    except KeyboardInterrupt:
        print("\ninterrupted; all that was started has been ended", file=sys.stderr)
        return 130
    text, well = summary(outcomes, seconds=time.monotonic() - started, logs=logs)
    print(text, flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
