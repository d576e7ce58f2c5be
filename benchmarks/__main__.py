"""Run all benchmarks:  .venv/bin/python -m benchmarks

Exit code: 0 when all limits are kept, 1 otherwise.
"""

from __future__ import annotations

import sys

from benchmarks import events, invocations, scheduler
from benchmarks.servers import make_ministack_venv

if __name__ == "__main__":
    make_ministack_venv()
    results = [invocations.main(), events.main(), scheduler.main()]
    sys.exit(0 if all(results) else 1)
