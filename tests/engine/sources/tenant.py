"""A tenant to ask: a fake Graph, a fake identity endpoint, and the source as the app builds it from its settings."""

from contextlib import contextmanager

from engine import bootstrap, settings
from engine.remote.retries import Retries
from engine.stores.memory import Memory
from tests.fakes.clock import Clock
from tests.fakes.graph import Graph
from tests.fakes.identity import Identity


@contextmanager
def asked(recorded, monkeypatch, *, clock=None, environment=None, roles=None, **fake):
    """The fake and the source, signed in by the real azure-identity; the description of Graph was kept to the end."""
    with Graph(recorded, **fake) as graph, Identity(**({} if roles is None else {"roles": roles})) as identity:
        for name, value in identity.environment.items():
            monkeypatch.setenv(name, value)
        known = identity.environment | {"VIZSLA_GRAPH_URL": graph.url} | (environment or {})
        still = clock or Clock()
        retries = Retries(now=still.now, sleep=still.sleep)
        with bootstrap.tenant(settings.read(known).live, "contoso", Memory(), retries=retries) as source:
            yield graph, source
        assert graph.violations == []


def rows(source, query, window=None):
    """All events that the source answers with."""
    return [event for batch in source.rows(query, window) for event in batch]
