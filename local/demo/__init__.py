"""The whole flow on one machine, from a folder of files to Athena: `python -m local.demo --input folder`."""
