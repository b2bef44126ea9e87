"""OpenTelemetry to Application Insights: what is switched on, and all that is switched off.

The managed identity signs in where APPLICATIONINSIGHTS_AUTHENTICATION_STRING says `Authorization=AAD`, with
`;ClientId=...` for a user-assigned one: the exporter reads it as Azure Functions does. It needs the role Monitoring
Metrics Publisher.

In Azure Functions the host tells of triggers, exceptions and log lines, of which none is sampled away: see host.json.
Its telemetryMode stays as it is. The other, OpenTelemetry, knows no such settings, is documented for HTTP and storage
triggers alone, and drops the host's word on a failed function once the worker exports its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from types import MappingProxyType

from azure.monitor.opentelemetry import configure_azure_monitor
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from engine.telemetry import CONNECTION

LOGGER = "vizsla"
_SWITCHES: Mapping[str, str] = MappingProxyType(
    {
        "OTEL_TRACES_SAMPLER": "always_on",  # a failure is rare, and must not be sampled away
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel",  # the others ask the machine's metadata service
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",  # figures on the library, for Microsoft
        "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",  # the same, for us
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",  # settings from afar
        "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": "true",  # a row on each export
    }
)
_INSTRUMENTATIONS = (
    "azure_sdk",
    "django",
    "fastapi",
    "flask",
    "httpx",
    "httpx2",
    "psycopg2",
    "requests",
    "urllib",
    "urllib3",
)
_PATIENCE = 10.0
"""Seconds that an endpoint may stay silent; the library's own 300 would hold up the end of a command."""
_IN_FUNCTIONS = "FUNCTIONS_WORKER_RUNTIME"
log = logging.getLogger(LOGGER)


def configure(environment: MutableMapping[str, str]) -> None:
    """See engine/telemetry. A connection string that is none is logged: hunts go on without."""
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    environment.update(_SWITCHES)
    environment.setdefault("OTEL_SERVICE_NAME", environment.get("WEBSITE_SITE_NAME") or "vizsla")
    if _IN_FUNCTIONS in environment:
        environment["OTEL_LOGS_EXPORTER"] = "none"  # the Functions host passes on every line: see host.json
    # Azure's SDKs log each request, and so would the exporter each of its own.
    logging.getLogger("azure").setLevel(logging.WARNING)
    # Python prints warnings of a logger that nobody handles. Now someone will, and they are to be printed as before.
    if logging.lastResort and not log.hasHandlers():
        log.addHandler(logging.lastResort)
    try:
        configure_azure_monitor(
            connection_string=environment[CONNECTION],
            logger_name=LOGGER,
            instrumentation_options={name: {"enabled": False} for name in _INSTRUMENTATIONS},
            enable_live_metrics=False,
            enable_performance_counters=False,
            disable_offline_storage=True,
            read_timeout=_PATIENCE,
        )
    except ValueError as error:
        log.error("%s is no connection string, so nobody is told of runs: %s", CONNECTION, error)  # noqa: TRY400 - no bug


def flush() -> None:
    """See engine/telemetry."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):
        if isinstance(provider, TracerProvider | MeterProvider | LoggerProvider):
            provider.force_flush()
