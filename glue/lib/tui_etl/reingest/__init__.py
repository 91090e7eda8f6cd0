"""Landing again what is in quarantine, once what it was refused for is mended: `python -m tui_etl.reingest --help`.

`select` finds the rows of quarantine that are wanted; `bodies` makes of them what is landed; `land` does it, once. It
needs no Spark: engineers run it, with their own AWS credentials.
"""
