"""What goes wrong in the lab, told to a reader: what happened, and what to do next."""

from __future__ import annotations


class LabError(Exception):
    """Something that the reader can mend. Jupyter shows its message alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return f"{type(self).__name__}: {self}".splitlines()


class TimedOut(LabError, TimeoutError):
    """What was waited for did not happen in time."""
