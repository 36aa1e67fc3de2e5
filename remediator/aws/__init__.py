"""AWS behind the ports: the only rooms that know boto3."""
