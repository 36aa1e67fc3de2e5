"""What is wrong, what may be done, whether it helped: tables and pure functions."""
