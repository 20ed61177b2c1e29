"""Steering a search that runs, from the command line, a notebook or the workbench, without torch.

Each function takes the run folder and returns an `Answer`: done, or refused with the reason, in one line.
"""

from engine.control.client import kill_trial, pause, resume, set_workers, status, stop
from engine.control.requests import Answer

__all__ = ["Answer", "kill_trial", "pause", "resume", "set_workers", "status", "stop"]
