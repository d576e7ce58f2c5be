"""Run all benchmarks:  .venv/bin/python -m benchmarks

Exit code: 0 when all limits are kept, 1 otherwise.
"""

from __future__ import annotations

import sys

from benchmarks import classroom, events, invocations, pipes, scheduler
from benchmarks.servers import make_ministack_venv

if __name__ == "__main__":
    make_ministack_venv()
    parts = (invocations, events, scheduler, pipes, classroom)
    results = [part.main() for part in parts]
    sys.exit(0 if all(results) else 1)
