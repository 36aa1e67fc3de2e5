"""Unmodified boto3 clients of the unmodified remediator reach the simulated plant.

``Rehearsal(world, "orders-consumer", {"Mode": "apply"})`` deploys it, ``.run_until(3600)`` lets an
hour pass; then ``.reports``, ``.calls``, ``.notices`` and ``.dead_letters`` tell what happened.
"""

from lab.bridge.bridge import Bridge, UnsupportedCallError, at_call, at_operation
from lab.bridge.calls import Call, Fault, FaultPlan, crashed, denied, throttled, timed_out
from lab.bridge.clock import Clock, Crashed, Death, TimedOut
from lab.bridge.function import Function, LambdaContext, remediator
from lab.bridge.rehearsal import Conditions, DeadLetter, Rehearsal, Report
from lab.bridge.shapes import Delivery
from lab.bridge.template import TemplateError

__all__ = [
    "Bridge",
    "Call",
    "Clock",
    "Conditions",
    "Crashed",
    "DeadLetter",
    "Death",
    "Delivery",
    "Fault",
    "FaultPlan",
    "Function",
    "LambdaContext",
    "Rehearsal",
    "Report",
    "TemplateError",
    "TimedOut",
    "UnsupportedCallError",
    "at_call",
    "at_operation",
    "crashed",
    "denied",
    "remediator",
    "throttled",
    "timed_out",
]
