"""Azurite, Microsoft's own emulator of Azure Storage: over TLS and with tokens, as Azure itself; gone at the end.

Its certificate is made anew each time; `environment` makes a client trust it.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from engine.lints.kusto import find_node
from tests.fakes.authority import tls

SCRIPT = Path(__file__).parent.parent / "node" / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
ACCOUNT = "devstoreaccount1"
_SERVICES = {"blob", "queue", "table"}
_LISTENS = re.compile(r"Azurite (\w+) service is successfully listening at (\S+)")
_FLAGS = ("--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--oauth", "basic")


class Azurite:
    """`table`, `queue` and `blob` are the addresses of its account, on ports that were free."""

    def __enter__(self):
        if not SCRIPT.is_file():
            raise FileNotFoundError(f"{SCRIPT}: Azurite is not installed. Run `make dev`.")
        self._folder = tempfile.TemporaryDirectory(prefix="azurite-")
        folder = Path(self._folder.name)
        _, bundle = tls(folder)
        self.environment = {"REQUESTS_CA_BUNDLE": str(bundle)}
        both = str(folder / "server.pem")
        ports = [word for service in sorted(_SERVICES) for word in (f"--{service}Port", "0")]
        self._process = subprocess.Popen(
            [find_node(), str(SCRIPT), *_FLAGS, "--cert", both, "--key", both, *ports],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            self.blob, self.queue, self.table = map(self._addresses().get, sorted(_SERVICES))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.communicate(timeout=20)
        self._folder.cleanup()

    def _addresses(self):
        """Waits until every service says where it listens."""
        found, said = {}, []
        for line in self._process.stdout:
            said.append(line)
            if listens := _LISTENS.search(line):
                found[listens[1].casefold()] = f"{listens[2]}/{ACCOUNT}"
            if found.keys() == _SERVICES:
                return found
        raise RuntimeError(f"Azurite did not start:\n{''.join(said)}")
