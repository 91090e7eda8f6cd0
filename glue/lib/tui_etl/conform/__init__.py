"""Glue 3: classified records into Iceberg tables, appended by file or merged by key.

`contracts` says which; `align` and `types` fit a run's records to the table's columns; `append` and `merge` publish
them by a commit that validates; `keyed` reduces to one row a key; `pair` keeps a key in one zone only; `process` is the
run.
"""
