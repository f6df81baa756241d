"""Payments with every attempt."""
