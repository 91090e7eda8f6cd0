"""Glue 1: landed JSON files become typed Parquet below `temp/`, and whatever is not JSON goes to quarantine.

`staging` copies the taken file versions aside; `records` cuts a staged file into records, and `sniff` says how;
`strict` decides what is a record; `find` reads a file for the first time; `shape` learns each dataset's columns;
`rewrite` fits the odd record into them; `transform` is the Spark part; `job` is one run from taking to committing.
"""
