"""Benchmarks of the functions as they are deployed, beside what one would use otherwise. See README.md."""
