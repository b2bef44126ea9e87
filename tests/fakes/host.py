"""Plays the Functions host's queues around a Worker, on a real queue service: what a function puts out is a message.

As the host does, it reads and writes base64, deletes a message when its function returns, leaves it to be seen again
when the function raises, and moves it to the poison queue after `most` tries.
"""

import contextlib
import json

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from tests.fakes.worker import InvocationError


class Host:
    """One app on a queue service at `url`. `log` holds what functions raised."""

    def __init__(self, worker, url, credential, *, most=6):
        self.worker = worker
        self.most = most
        self.log = []
        self._queues = {}
        self._open = lambda name: QueueClient(
            url,
            name,
            credential=credential,
            message_encode_policy=TextBase64EncodePolicy(),
            message_decode_policy=TextBase64DecodePolicy(),
        )

    def queue(self, name):
        """The queue, created at its first use."""
        if name not in self._queues:
            self._queues[name] = self._open(name)
            with contextlib.suppress(ResourceExistsError):
                self._queues[name].create_queue()
        return self._queues[name]

    def waiting(self, name):
        """What lies in the queue and can be seen, as JSON."""
        return [json.loads(message.content) for message in self.queue(name).peek_messages(max_messages=32)]

    def hidden(self, name):
        """How many messages the queue holds that cannot be seen yet."""
        held = self.queue(name).get_queue_properties().approximate_message_count
        return held - len(self.waiting(name))

    def fire(self, name, **timer):
        """Fires a timer function."""
        self._put_out(name, self.worker.timer(name, **timer))

    def drain(self, name, queue):
        """Hands the function every message of the queue that can be seen, until none is left."""
        while message := self.queue(queue).receive_message(visibility_timeout=60):
            if message.dequeue_count > self.most:
                self.queue(f"{queue}-poison").send_message(message.content)
                self.queue(queue).delete_message(message)
                continue
            try:
                out = self.worker.queue(
                    name, message.content, dequeue_count=message.dequeue_count, message_id=message.id
                )
            except InvocationError as error:
                self.log.append(str(error))
                self.queue(queue).update_message(message, visibility_timeout=0)
            else:
                self._put_out(name, out)
                self.queue(queue).delete_message(message)

    def _put_out(self, function, out):
        queues = {binding["name"]: binding.get("queueName") for binding in self.worker.functions[function]}
        for name, value in out.items():
            for each in _messages(value):
                self.queue(queues[name]).send_message(each)


def _messages(value):
    """One message, or a list of them: as the host tells them apart."""
    if not value:
        return []
    try:
        read = json.loads(value)
    except ValueError:
        return [value]
    if not isinstance(read, list):
        return [value]
    return [each if isinstance(each, str) else json.dumps(each) for each in read]
