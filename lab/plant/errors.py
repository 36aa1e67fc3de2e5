"""The one error that the plant's control plane raises."""


class AwsError(Exception):
    """A refusal as AWS words it: error code, message and HTTP status."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http_status = http_status
