"""Worlds at random: each is drawn by its seed from wide priors over everything that may differ.

``priors`` says what may differ and how it is drawn, ``draw`` makes a world of it, ``stories`` are
what happens there, ``truth`` reads off the plant what binds, ``play`` plays it, ``scores`` and
``slices`` count, ``report`` tells.
"""
