r"""The algebra that all samplers share.

The clean state is :math:`x_0`, in [-1, 1] for pixels; at the real time :math:`t \in [0, T-1]` the
variance-preserving forward process gives

.. math:: x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, z, \qquad z \sim N(0, I),

with :math:`\bar\alpha_{-1} = 1`: time -1 means "clean". A time with its ᾱ is a *level*; ``t`` is the current
level and ``s`` the next, cleaner one. ``x0`` is the clean prediction E[x_0 | x_t] and
``eps`` = (x_t - √ᾱ_t x0)/√(1 - ᾱ_t) the noise prediction that belongs to it. The measurement is
y = A x_0 + σ_y n with σ_y in the units of x, that is of the range [-1, 1]
(a paper's "σ = 0.05 in [0, 1]" is σ_y = 0.1 here).
"""
