"""S3 and SQS on a free port of the loopback: it asks for signatures, and ends with its standard input."""

import json
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="eu-west-1")

import boto3
from moto import settings
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
url = "http://%s:%s" % server.get_host_and_port()

iam = boto3.client("iam", endpoint_url=url)
iam.create_user(UserName="muleteer")
all_of_it = {"Effect": "Allow", "Action": ["s3:*", "sqs:*"], "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [all_of_it]})
iam.put_user_policy(UserName="muleteer", PolicyName="all", PolicyDocument=policy)
key = iam.create_access_key(UserName="muleteer")["AccessKey"]
# From now on only who signs with the key is let in.
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0

print(url, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
sys.stdin.read()
os._exit(0)
