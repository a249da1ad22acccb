"""A path or URL of data in the configuration. It is logged, shown and written into manifests, so it never carries a
secret. Secrets come from the environment."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

DEFAULT_STORE = ".pivotrl/store"
"""Where artefacts go unless the configuration or PIVOTRL_STORE says otherwise. Relative to the working folder."""

_USER_AND_SECRET = r"://[^/@:\s]+:(?!\d+(/|$))[^@\s]+@"
"""name:secret@ before a host. An AWS secret may hold a slash; a port and a slash after the colon are no secret."""
_WEB_USER = r"https?://[^/?#@\s]+@"
"""TOKEN@ or TOKEN:@ before the host of a web server."""
_SECRET_PARAMETER = (
    r"[?&;#](AWSAccessKeyId|Signature|X-Amz-(Credential|Signature|Security-Token)|sig|secret|password|passwd|token"
    r"|key|api_?key|access_?key(_?id)?|secret_?(access_?)?key|access_?token)="
)
_BRANCH = r"^(github|gitlab)://"
"""github://owner:repository@branch/folder is not a name and a secret."""
_ANY_SECRET = f"{_USER_AND_SECRET}|{_WEB_USER}|{_SECRET_PARAMETER}"
_SECRET = re.compile(f"(?i){_ANY_SECRET}")

REFUSAL = (
    "the URL holds a credential, which would be seen in logs, cards and manifests: take it out of the URL and give it "
    "by environment variables (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or those of your file system)"
)


def holds_credentials(location: str) -> bool:
    """Whether a path or URL carries a password, a key, a token or a signature.

    A user's name alone is none, except in a web address, where a token is given that way.
    """
    return _SECRET.search(re.sub(_BRANCH, "", location)) is not None


def _without_credentials(location: str) -> str:
    if holds_credentials(location):
        raise PydanticCustomError("credentials", REFUSAL)
    return location


Location = Annotated[
    str,
    AfterValidator(_without_credentials),
    Field(json_schema_extra={"not": {"pattern": _ANY_SECRET}}),
]
"""A path or URL without a secret. The form refuses one too, before it is stored as a parameter of a run."""
