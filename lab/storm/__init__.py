"""A storm: 1,000 alarms in one minute over the limits of one account."""

from lab.storm.playing import Figures, Storm, play

__all__ = ["Figures", "Storm", "play"]
