"""Glue scripts that run the real protocol library without Spark: JSON Lines in, JSON Lines out.

They are deployed over the product's own scripts, so roles, arguments, events and functions are the real ones.
"""
