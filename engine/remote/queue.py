"""The queue of runs, as far as the bindings of Azure Functions do not reach: a message that is to be seen later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from engine.errors import RemoteError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_LONGEST = timedelta(days=7) - timedelta(minutes=1)
ROLE = "Storage Queue Data Message Sender"


def put_back(
    text: str, *, url: str, queue: str, credential: TokenCredential | None, until: datetime, now: datetime
) -> None:
    """Puts a message into the queue of the storage account at `url`, unseen until `until` (at most seven days ahead).

    The text is sent as the Functions host reads it, in base64. Without a `credential`, `url` is a connection string.
    Raises RemoteError.
    """
    delay = min(max(until - now, timedelta()), _LONGEST)
    policy = TextBase64EncodePolicy()
    try:
        if credential is None:
            client = QueueClient.from_connection_string(url, queue, message_encode_policy=policy)
        else:
            client = QueueClient(url, queue, credential=credential, message_encode_policy=policy)
        with client:
            client.send_message(text, visibility_timeout=-(-delay // timedelta(seconds=1)), time_to_live=-1)
    except (AzureError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise RemoteError(
            f"the queue {queue} takes no message ({type(error).__name__}: {said}). "
            f"Whoever signs in needs the role {ROLE} on the storage account."
        ) from error
