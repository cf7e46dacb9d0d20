"""Simulated controllers: what makes objects come to life in a sandbox cluster."""

from reconciler.sandbox.controllers.loop import ControllerLoop, Scheduler
from reconciler.sandbox.controllers.registry import start_controllers

__all__ = ["ControllerLoop", "Scheduler", "start_controllers"]
