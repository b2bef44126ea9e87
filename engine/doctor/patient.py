"""What is examined: an environment and what is built from it, each part made when a check first asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar

from engine import bootstrap, loader, settings
from engine.doctor.reading import Mistake, mistakes
from engine.errors import SettingsError, Throttled, VizslaError
from engine.loader import HUNTS, Loaded
from engine.model.event import text
from engine.model.run import Window
from engine.settings import Settings
from engine.sources.interface import Bounded, Source
from engine.stores.interface import Store

if TYPE_CHECKING:
    from engine.remote.retries import Retries
    from engine.remote.session import Session

T = TypeVar("T")
SIGN_IN = (
    "VIZSLA_SIGN_IN",
    "VIZSLA_APP",
    "VIZSLA_IDENTITY",
    "VIZSLA_TENANT",
    "VIZSLA_CLOUD",
    "VIZSLA_GRAPH_URL",
    "VIZSLA_AUTHORITY_URL",
)
"""How the names of the settings begin that say who asks which tenant, and where."""
LOOKED_BACK = timedelta(days=7)
"""How far back the newest event is looked for."""
_NEWEST = Path(__file__).parent / "newest.kql"
_PATIENCE = timedelta(seconds=10)
"""Who waits for the doctor waits no longer for the far side."""


class Unseen(Exception):
    """What cannot be looked at, or need not be; the message says why. It never leaves this room."""


class Lacking(Unseen):
    """A part that could not be made, for what `check` looks at: `error` is its finding, and nobody else's."""

    def __init__(self, check: str, error: VizslaError) -> None:
        self.check = check
        self.error = error
        super().__init__(f"not looked at: see {check}")


class Part(Generic[T]):
    """Something that several checks need: made once, or once found wanting by the check that answers for it."""

    def __init__(self, check: str, make: Callable[[], T]) -> None:
        self._check = check
        self._make = make
        self._held: list[T] = []
        self._why: Unseen | None = None

    def __call__(self) -> T:
        """The part. Raises Unseen."""
        if self._why is not None:
            raise self._why
        if not self._held:
            try:
                self._held.append(self._make())
            except Unseen as why:
                self._why = why
                raise
            except VizslaError as error:
                self._why = Lacking(self._check, error)
                raise self._why from error
        return self._held[0]


class Newest(NamedTuple):
    """The answer to the one-row question: the newest event of a week as Defender writes it, empty where none is."""

    event: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where Vizsla runs: the version of Python, and the file that says which packages it needs."""

    python: tuple[int, int]
    requirements: Path


class Patient:
    """Use it in a `with`. `now` is this machine's clock; `developer` lets whoever is signed in here ask the tenant."""

    def __init__(
        self, environment: Mapping[str, str], *, now: Callable[[], datetime], machine: Machine, developer: bool
    ) -> None:
        self.environment = environment
        self.now = now
        self.machine = machine
        self.mistakes: tuple[Mistake, ...] = tuple(mistakes(environment))
        self._developer = developer
        self._opened = ExitStack()
        self.settings: Part[Settings] = Part("settings", self._settings)
        self.store: Part[Store] = Part("store", self._store)
        self.hunts: Part[Loaded] = Part("hunts", lambda: loader.load_all(self.folder))
        self.graph: Part[Session] = Part("sign-in", self._graph)
        self.token: Part[str] = Part("sign-in", self._token)
        self.source: Part[Source] = Part("hunting", self._source)
        self.newest: Part[Newest] = Part("hunting", self._newest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def folder(self) -> Path:
        """The folder of hunts."""
        return self.settings().hunts or HUNTS

    @property
    def is_app(self) -> bool:
        """Whether Azure Functions runs it."""
        return "FUNCTIONS_WORKER_RUNTIME" in self.environment

    @property
    def remembers(self) -> bool:
        """Whether what is remembered outlives the process."""
        return bool(self.settings().store or self.settings().tables)

    @property
    def retries(self) -> Retries:
        """How long a far side is waited for."""
        from engine.remote.retries import Retries  # noqa: PLC0415 - for who asks a far side

        return Retries(attempts=2, patience=_PATIENCE)

    def need(self, *names: str) -> None:
        """Raises Lacking where a setting whose name begins so is wrong: what it leads to would be another's fault."""
        for mistake in self.mistakes:
            if any(name.startswith(names) for name in mistake.names):
                raise Lacking("settings", SettingsError(mistake.message))

    def _settings(self) -> Settings:
        """What is left of the environment without its mistakes."""
        at_fault = {name for mistake in self.mistakes for name in mistake.names}
        there = settings.read({name: value for name, value in self.environment.items() if name not in at_fault})
        if self._developer and not there.paths and not there.live.sign_in:
            there = replace(there, live=replace(there.live, sign_in="developer"))
        return there

    def _store(self) -> Store:
        self.need("VIZSLA_STORE", "VIZSLA_TABLES_URL")
        return bootstrap.remembered(self.settings())

    def _graph(self) -> Session:
        """Microsoft Graph, unless nobody there is asked."""
        self.need(*SIGN_IN)
        there = self.settings()
        if there.paths and "defender_alert" not in there.sinks:
            raise Unseen("files are read: no tenant is asked")
        if not there.paths and not there.live.sign_in:
            raise SettingsError("VIZSLA_FROM names no files, and nothing says who asks the tenant.")
        return self._opened.enter_context(bootstrap.graph(there.live, there.tenant, self.retries))

    def _token(self) -> str:
        return self.graph().sign_in()

    def _source(self) -> Source:
        there = self.settings()
        if there.paths:
            opened: Source = self._opened.enter_context(bootstrap.files(there.paths))
            return opened
        self.token()
        self.need("VIZSLA_ROW_LIMIT", "VIZSLA_CALLS_")
        return self._opened.enter_context(
            bootstrap.tenant(there.live, there.tenant, self._quota(), retries=self.retries)
        )

    def _quota(self) -> Store:
        """Where calls are counted: with those of the hunts, as far as what is remembered can be reached."""
        try:
            return self.store()
        except Unseen:
            return bootstrap.store(None)

    def _newest(self) -> Newest:
        source, began = self.source(), self.now()
        window = source.whole if isinstance(source, Bounded) else Window(began - LOOKED_BACK, began)
        try:
            rows = [row for batch in source.rows(_NEWEST.read_text("utf-8"), window) for row in batch]
        except Throttled as error:
            raise Lacking("quota", error) from error
        return Newest(text(rows[0], "Newest") if rows else "", (self.now() - began).total_seconds())
