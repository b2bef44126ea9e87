"""How Hypothesis runs here: no deadline on a shared machine, the same examples each time."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "vizsla",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("vizsla")
