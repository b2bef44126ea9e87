"""Python in a process of its own: for what is global to a process, such as Microsoft's worker and OpenTelemetry."""

import json
import os
import subprocess
import sys
import textwrap

from tests.tree import ROOT


def shown(script, *flags, timeout=120, plain=os.environ, **environment):
    """What the script prints last, read as JSON, and what it says besides. It ends well, or the test does not.

    It runs at the repository's root, with `plain` and `environment` for its environment.
    """
    done = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        env={**plain, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
