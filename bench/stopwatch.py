# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one program; print exit status, seconds, seconds of CPU, peak memory in KiB: stopwatch.py OUTPUT LIMIT_S PROGRAM [ARGUMENT…].

A process of its own, and a small one, because Linux counts the memory of the process that starts a program as that
program's own peak (exec_mmap, setmax_mm_hiwater_rss); the benchmark itself, with Ansible imported, would hide the rest.
"""

from __future__ import annotations

import os
import signal
import sys
import time


def main() -> None:
    output, limit, *argv = sys.argv[1:]
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    files = [(os.POSIX_SPAWN_DUP2, descriptor, 1), (os.POSIX_SPAWN_DUP2, descriptor, 2)]
    started = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=files)
    signal.signal(signal.SIGALRM, lambda _number, _frame: os.kill(pid, signal.SIGKILL))
    signal.alarm(int(limit))
    _pid, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    print(os.waitstatus_to_exitcode(status), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


if __name__ == "__main__":
    main()
