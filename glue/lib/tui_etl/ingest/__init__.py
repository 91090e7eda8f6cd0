"""Glue 1: landed JSON files become typed Parquet below `temp/`, and whatever is not JSON goes to quarantine.

`staging` copies the taken file versions aside; `records` cuts a staged file into records, and `sniff` says how;
`strict` decides what is a record; `find` reads a file and hands its records on. `shape` learns each dataset's columns,
and `guess` says beforehand what they may be; `columnar` reads whole blocks by them, `rewrite` fits the odd record into
them, and `rows` writes both. `transform` is the Spark part; `job` is one run from taking to committing.
"""
