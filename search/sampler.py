"""`search.sampler:PhaseBoundarySampler`, the path by which other tools know it (search/sampling/sampler.py)."""

from search.sampling.sampler import PhaseBoundarySampler

__all__ = ["PhaseBoundarySampler"]
