"""Plays the Functions host to Microsoft's own Python worker library (PyPI azure-functions-runtime), in this process.

The worker takes its message classes from `request.properties["protos"]`, so plain attribute bags do for protobuf's. It
indexes an app and invokes its functions exactly as in Azure; timers' clocks, retries and poison queues are the host's
and are not played here. Its state is global: one app a process.
"""

import asyncio
import json
import sys
import threading
import uuid
from types import SimpleNamespace

import azure_functions_runtime as worker

SUCCESS = 1


class Bag:
    """An attribute bag that answers `WhichOneof` as protobuf would."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def WhichOneof(self, _):  # noqa: N802 - protobuf's name
        return next((key for key, value in vars(self).items() if key != "name" and value is not None), None)


def _message(name, **constants):
    return type(name, (Bag,), constants)


_PLAIN = [
    "RpcException",
    "RpcFunctionMetadata",
    "RpcRetryOptions",
    "WorkerMetadata",
    "WorkerInitResponse",
    "FunctionMetadataResponse",
    "FunctionLoadResponse",
    "FunctionEnvironmentReloadResponse",
    "InvocationResponse",
    "ParameterBinding",
    "TypedData",
    "RpcHttp",
    "NullableString",
    "NullableBool",
    "NullableDouble",
    "NullableTimestamp",
    "Timestamp",
]
_PROTOS = SimpleNamespace(
    BindingInfo=_message("BindingInfo", out=1, inout=2, undefined=0),
    StatusResult=_message("StatusResult", Failure=0, Success=SUCCESS, Cancelled=2),
    RpcHttpCookie=_message(
        "RpcHttpCookie", SameSite=SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})
    ),
    **{name: _message(name) for name in _PLAIN},
)


class InvocationError(Exception):
    """A function raised; the message is what Azure would log."""


class Worker:
    """One function app, indexed and ready. `functions` maps names to their bindings."""

    def __init__(self, folder):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        self._folder = str(folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        worker.start_threadpool_executor()
        self._send("worker_init_request", capabilities={}, function_app_directory=self._folder)
        answer = self._send("functions_metadata_request", function_app_directory=self._folder)
        self._metadata = {entry.name: entry for entry in answer.function_metadata_results or []}
        for entry in self._metadata.values():
            self._send("function_load_request", function_id=entry.function_id, metadata=entry)
        self.functions = {
            name: [json.loads(binding) for binding in entry.raw_bindings] for name, entry in self._metadata.items()
        }

    def timer(self, name, *, past_due=False):
        """Fires a timer; gives the function's output bindings by name."""
        moment = "2026-11-24T00:00:00+00:00"
        status = {"Last": moment, "Next": moment, "LastUpdated": moment}
        body = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
        return self._invoke(name, Bag(json=json.dumps(body)), {})

    def queue(self, name, body, *, dequeue_count=1, message_id="1"):
        """Hands the function a queue message; gives the function's output bindings by name."""
        moment = Bag(json=json.dumps("2026-11-24T00:00:00+00:00"))
        metadata = {
            "Id": Bag(string=message_id),
            "DequeueCount": Bag(json=str(dequeue_count)),
            "PopReceipt": Bag(string="receipt"),
            "InsertionTime": moment,
            "ExpirationTime": moment,
            "NextVisibleTime": moment,
        }
        return self._invoke(name, Bag(string=body), metadata)

    def http(self, name, *, method="GET", url="http://127.0.0.1/", headers=None, query=None, params=None, body=b""):
        """Asks the function over HTTP; gives status, headers and body."""
        asked = Bag(
            method=method,
            url=url,
            headers=headers or {},
            params=params or {},
            query=query or {},
            body=Bag(bytes=body),
        )
        answer = self._call(name, Bag(http=asked), {}).return_value.http
        return int(answer.status_code), dict(answer.headers), answer.body.bytes

    def close(self):
        """Ends the worker's threads."""
        worker.stop_threadpool_executor()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _invoke(self, name, payload, metadata):
        answer = self._call(name, payload, metadata)
        return {output.name: next(iter(vars(output.data).values()), None) for output in answer.output_data}

    def _call(self, name, payload, metadata):
        trigger = next(binding for binding in self.functions[name] if binding["type"].lower().endswith("trigger"))
        return self._send(
            "invocation_request",
            invocation_id=str(uuid.uuid4()),
            function_id=self._metadata[name].function_id,
            input_data=[Bag(name=trigger["name"], data=payload)],
            trigger_metadata=metadata,
            trace_context=Bag(trace_parent=f"00-{uuid.uuid4().hex}-{'0' * 15}1-00", trace_state="", attributes={}),
            retry_context=Bag(retry_count=0, max_retry_count=0, exception=None),
        )

    def _send(self, verb, **fields):
        request = SimpleNamespace(
            name=verb,
            request=SimpleNamespace(**{verb: Bag(**fields)}),
            properties={"host": "127.0.0.1", "protos": _PROTOS},
        )

        async def call():
            worker.invocation_id_cv.set(fields.get("invocation_id"))
            return await getattr(worker, verb)(request)

        answer = asyncio.run_coroutine_threadsafe(call(), self._loop).result(60)
        if hasattr(answer, "result") and answer.result.status != SUCCESS:
            raise InvocationError(answer.result.exception.message)
        return answer
