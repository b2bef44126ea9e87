"""From the body of a hunting answer to events: Kusto's types, in the order that steps rely on, a row at a time."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import batched_rows  # placeholder
from typing import Any

import msgspec
