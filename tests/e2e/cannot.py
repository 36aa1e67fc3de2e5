"""What the endpoints cannot do: printed by ``make e2e`` and written into docs/proof.md."""

from collections.abc import Mapping, Sequence

_MINISTACK = """
It publishes no `IteratorAge`, its mappings neither bisect nor stand still at an update, and no lane
is ever busy: stream, mapping and consumer are played by the lab's plant, which publishes what it
measures and follows the settings that the endpoint holds.

Its alarms know no metric math, call topics only, are evaluated when metrics are put, and look at no
dimensions.

A topic's call of a function is not tried again. CloudFormation leaves out the function's
dead-letter queue and its reserved concurrency, and knows no `Fn::Split` in a condition.

Its IAM lets `lambda:UpdateEventSourceMapping` and `lambda:GetAccountSettings` pass unasked,
asks for `dynamodb:DescribeStream` and `ssm:GetParametersByPath` on everything instead of the stream
and the path, and simulates a policy without its conditions, so that `remediator doctor` finds
permissions lacking.
"""

_KINESIS_LOCAL = """
It has streams only, without metrics, mappings and IAM: a shard's split and merge and the retention
are tried there, not an incident.
"""

# By endpoint, a sentence or two each.
CANNOT: Mapping[str, Sequence[str]] = {
    name: [" ".join(one.split()) for one in text.split("\n\n")]
    for name, text in {
        "MiniStack 1.5.33": _MINISTACK,
        "kinesis-local 0.6.2": _KINESIS_LOCAL,
    }.items()
}
