"""The public Python API: load a prior by name, restore in one call, verify a sampler in one call.

The names here are those of ``import posterity``: :func:`posterity.prior`, :func:`posterity.restore`,
:func:`posterity.degrade` and :func:`posterity.verify`. They call the same code as the stages.
"""
