"""What the Glue jobs share: arguments, the ledger protocol, manifests, run reports, and one package a job."""
