"""Passages to an answer: quoted without any service, or written by a model."""
