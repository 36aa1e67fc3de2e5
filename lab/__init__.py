"""The proving ground: a simulated stream, mapping, function and account under the real code."""
