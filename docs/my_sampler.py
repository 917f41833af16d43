"""What A sees is taken from y, the rest from the denoiser."""

from math import sqrt

STEP = 10


def restore(denoise, A, y, sigma_y, noise):
    x_t = noise("init", 0)
    for t in range(denoise.steps - 1, -1, -STEP):
        # predict, put in what was measured, add the noise of the next level
        x0 = denoise(x_t, t)
        x0 = x0 + A.pinv(y - A(x0))
        a = denoise.alpha_bar(max(t - STEP, -1))
        x_t = sqrt(a) * x0 + sqrt(1 - a) * noise("step", t)
    return x_t
