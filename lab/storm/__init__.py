"""A storm: 1,000 alarms in one minute over the limits of one account."""

from lab.storm.blow import Figures, Storm, blow

__all__ = ["Figures", "Storm", "blow"]
