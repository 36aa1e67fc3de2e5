"""Readings → Signals: what is computed from them, in order."""
