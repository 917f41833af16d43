"""The library's front door: a prior by name, a restoration in one call, a sampler checked in one call.

The names here are those of ``import posterity``: :func:`posterity.prior`, :func:`posterity.restore`,
:func:`posterity.degrade` and :func:`posterity.verify`. They hand on to what the stages call, too.
"""
