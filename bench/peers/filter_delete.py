"""Delete what lies below a prefix, in one line of boto3."""

import boto3

boto3.resource("s3").Bucket("raw").objects.filter(Prefix="tui/legacy/temp/").delete()
