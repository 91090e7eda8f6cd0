"""Glue 2: which records every analyst may see (legacy), and which not (secured)."""
