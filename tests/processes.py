"""How tests start processes that are to hear signals."""

from __future__ import annotations

import sys

# Before a command: what the suite ignores (SIGHUP under nohup, SIGINT in a shell's background) the command hears.
AWAKE = [
    sys.executable,
    "-S",
    "-c",
    "import os, signal, sys\n"
    "for name in ('SIGINT', 'SIGTERM', 'SIGHUP'): signal.signal(getattr(signal, name), signal.SIG_DFL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
]
