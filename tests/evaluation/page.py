"""The page that the evaluation writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby
from statistics import fmean, median

from tests.evaluation.judgement import Case, Noise
from tests.evaluation.methods import BURST, CLASSICS, METHODS, UNLEARNED
from tests.evaluation.results import Method, Results
from tests.evaluation.tables import clock, ninetieth, percent, spread, table
from tests.evaluation.targets import targets
from tests.evaluation.why import LATE
