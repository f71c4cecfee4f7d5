"""Collects readings of machines from a broker, and draws them live in the terminal."""
