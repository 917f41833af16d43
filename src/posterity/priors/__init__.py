"""Priors: a denoiser E[x0 | x_t] with its noise schedule, closed-form where the truth must be known."""
