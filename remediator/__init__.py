"""Finds out why a stream's consumer lags, pulls the right lever, checks that it helped."""
