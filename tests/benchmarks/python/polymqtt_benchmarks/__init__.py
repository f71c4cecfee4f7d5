"""Measures Python's MQTT clients side by side on loopback."""
