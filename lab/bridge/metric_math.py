"""The part of CloudWatch's metric math that the template's alarms use.

Arithmetic, comparisons, ``IF(condition, a, b)``, ``RATE(series)`` and ``FILL(series, LINEAR)`` over
series of (timestamp, value), one a minute. An element of a result exists where every series of its
term has a datapoint; RATE has none at its first. AWS does not say what a linear fill does behind
the last datapoint: here, nothing.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import operator
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise

Series = dict[datetime, float]
_Term = float | Series
# Of the template's alarms.
_PERIOD = timedelta(minutes=1)

_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
}


def evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """The expression's series. Raises NotImplementedError for what this part leaves out."""
    result = _term(ast.parse(expression.strip(), mode="eval").body, series)
    if not isinstance(result, dict):
        raise NotImplementedError(f"{expression!r} gives a number, not a series")
    return result


def _term(node: ast.expr, series: Mapping[str, Series]) -> _Term:
    match node:
        case ast.Name(id=name):
            return series[name]
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _zipped(_OPERATORS[type(op)], _term(left, series), _term(right, series))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _zipped(_OPERATORS[type(op)], _term(left, series), _term(right, series))
        case ast.Call(func=ast.Name(id="RATE"), args=[inner]):
            return _rate(_term(inner, series))
        case ast.Call(func=ast.Name(id="FILL"), args=[inner, ast.Name(id="LINEAR")]):
            return _filled(_term(inner, series))
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            return _if(*(_term(part, series) for part in (condition, then, otherwise)))
    raise NotImplementedError(f"metric math: {ast.unparse(node)}")


def _zipped(function: Callable[[float, float], float], left: _Term, right: _Term) -> _Term:
    if isinstance(left, dict) and isinstance(right, dict):
        return {at: function(left[at], right[at]) for at in left if at in right}
    if isinstance(left, dict):
        return {at: function(value, right) for at, value in left.items()}  # type: ignore[arg-type]
    if isinstance(right, dict):
        return {at: function(left, value) for at, value in right.items()}
    return function(left, right)


def _rate(term: _Term) -> Series:
    """Change per second between neighbouring datapoints."""
    if not isinstance(term, dict):
        raise NotImplementedError("RATE of a number")
    ordered = sorted(term.items())
    return {
        at: (value - before) / (at - then).total_seconds()
        for (then, before), (at, value) in pairwise(ordered)
    }


def _filled(term: _Term) -> Series:
    """Gaps between two datapoints, on the straight line between them."""
    if not isinstance(term, dict):
        raise NotImplementedError("FILL of a number")
    filled = dict(term)
    for (then, before), (at, value) in pairwise(sorted(term.items())):
        steps = round((at - then) / _PERIOD)
        filled |= {
            then + n * _PERIOD: before + (value - before) * n / steps for n in range(1, steps)
        }
    return filled


def _if(condition: _Term, then: _Term, otherwise: _Term) -> Series:
    if not isinstance(condition, dict):
        raise NotImplementedError("IF over a number")
    chosen = {at: then if truth else otherwise for at, truth in condition.items()}
    found = {at: _element(term, at) for at, term in chosen.items()}
    return {at: value for at, value in found.items() if value is not None}


def _element(term: _Term, at: datetime) -> float | None:
    return term.get(at) if isinstance(term, dict) else term
