"""Gaussian and motion blur: the published kernels, borders, orientation and widths."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from posterity.diffusion.noise import generator
from posterity.errors import PosterityError
from posterity.operators.blur import GaussianBlur, TruncatedBlur, gaussian_taps
from posterity.operators.build import build, draw
from posterity.operators.convolution import correlate
from posterity.operators.motion import MotionBlur, motion_kernel


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def reflected(x: Tensor, kernel: Tensor) -> Tensor:
    """The same filter by torch's own padding and convolution."""
    margin = kernel.shape[-1] // 2
    wide = torch.nn.functional.pad(x, (margin,) * 4, mode="reflect")
    return torch.nn.functional.conv2d(wide, kernel.expand(x.shape[1], 1, *kernel.shape[-2:]), groups=x.shape[1])


def width(*sigma: float) -> Tensor:
    return torch.tensor(sigma)


def test_the_kernel_of_width_3_has_25_taps() -> None:
    taps = gaussian_taps(width(3.0))[0]
    assert (taps > 0).sum() == 25
    assert taps.sum().item() == pytest.approx(1, abs=1e-15)
    impulse = torch.zeros(61, dtype=torch.float64)
    impulse[30] = 1
    scipy = pytest.importorskip("scipy.ndimage")
    torch.testing.assert_close(
        taps, torch.from_numpy(scipy.gaussian_filter1d(impulse.numpy(), 3.0)), rtol=0, atol=1e-15
    )


def test_gaussian_blur_is_the_convolution_with_its_kernel() -> None:
    x, taps = noise(1, 3, 64, 64), gaussian_taps(width(3.0))[0]
    expected = reflected(x, torch.outer(taps, taps)[None, None])
    torch.testing.assert_close(GaussianBlur.of(width(3.0), (3, 64, 64))(x), expected, rtol=0, atol=1e-12)


def test_gaussian_blur_is_not_self_adjoint() -> None:
    blur, y = GaussianBlur.of(width(3.0), (3, 64, 64)), noise(1, 3, 64, 64)
    assert ((blur.adjoint(y) - blur(y)).norm() / blur(y).norm()).item() == pytest.approx(0.25, abs=0.05)


def test_constants_are_kept_by_reflection_and_lost_with_zeros() -> None:
    x = torch.full((1, 3, 64, 64), 0.3, dtype=torch.float64)
    torch.testing.assert_close(GaussianBlur.of(width(3.0), (3, 64, 64))(x), x, rtol=0, atol=1e-12)
    kernel = motion_kernel(21, 0.5, generator(0))[None, None].double()
    torch.testing.assert_close(MotionBlur(kernel, (3, 64, 64))(x), x, rtol=0, atol=1e-7)
    dark = TruncatedBlur.of(width(3.0), (3, 64, 64), cutoff=1e-6)(x)
    assert dark[0, 0, 32, 32].item() == pytest.approx(0.3, abs=1e-3)
    assert dark[0, 0, 0, 32].item() == pytest.approx(0.3 * 0.5665, abs=1e-3)


def test_wider_blurs_change_more() -> None:
    x = noise(1, 3, 64, 64).cumsum(-1).cumsum(-2)
    changes = [(GaussianBlur.of(width(s), (3, 64, 64))(x) - x).norm().item() for s in (0.0, 0.2, 0.5, 1, 1.7, 2.4, 3)]
    assert changes == sorted(changes)
    assert changes[0] == 0


def test_truncated_blur_has_the_published_null_space() -> None:
    """183 of 256 directions fall below 0.03, which hides 91.9 % of the image space."""
    blur = TruncatedBlur.of(width(3.0), (3, 256, 256))
    assert abs((blur.values == 0).sum().item() - 183) <= 1
    assert (blur.svd.singulars == 0).double().mean().item() == pytest.approx(0.919, abs=0.002)


def test_truncated_blur_is_the_zero_padded_one_up_to_the_cutoff() -> None:
    x, taps = noise(1, 3, 64, 64), gaussian_taps(width(1.0))[0]
    kernel = torch.outer(taps, taps).expand(3, 1, 61, 61)
    expected = torch.nn.functional.conv2d(x, kernel, padding=30, groups=3)
    torch.testing.assert_close(TruncatedBlur.of(width(1.0), (3, 64, 64), cutoff=0.0)(x), expected, rtol=0, atol=1e-12)
    cut = TruncatedBlur.of(width(1.0), (3, 64, 64))(x)
    assert 1e-4 < (cut - expected).norm() / expected.norm() < 0.05


@pytest.mark.parametrize(("size", "seed"), [(61, 0), (61, 1), (21, 2)])
def test_motion_blur_is_torch_convolution(size: int, seed: int) -> None:
    kernel, x = motion_kernel(size, 0.5, generator(seed))[None, None].double(), noise(1, 3, 64, 80)
    torch.testing.assert_close(correlate(x, kernel), reflected(x, kernel), rtol=0, atol=1e-12)


def test_a_point_appears_as_the_flipped_kernel() -> None:
    kernel = motion_kernel(21, 0.5, generator(3))[None, None].double()
    assert (kernel - kernel.flip(-1, -2)).abs().max() > 1e-3
    x = torch.zeros(1, 1, 65, 65, dtype=torch.float64)
    x[..., 32, 32] = 1
    y = MotionBlur(kernel, (1, 65, 65))(x)
    torch.testing.assert_close(y[..., 22:43, 22:43], kernel.flip(-1, -2), rtol=0, atol=1e-12)


def test_motion_kernels_are_weights_of_a_path() -> None:
    kernels = torch.stack([motion_kernel(61, 0.5, generator(seed)) for seed in range(30)])
    assert (kernels >= 0).all()
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(30), rtol=0, atol=1e-5)
    # A path, not a blob: few pixels hold the weight, and how many varies with its length.
    used = (kernels > 1e-4).sum((1, 2))
    assert used.min() > 10
    assert used.max() < 600
    assert used.max() > 3 * used.min()


def test_paths_are_straight_without_intensity_and_bent_with_it() -> None:
    i = torch.arange(61, dtype=torch.float64) - 30

    def widths(kernel: Tensor) -> Tensor:
        """Variance across and along the path, (2)."""
        rows, columns = kernel.sum(1), kernel.sum(0)
        second = torch.stack([(rows * i * i).sum(), i @ kernel @ i, i @ kernel @ i, (columns * i * i).sum()])
        mean = torch.stack([(rows * i).sum(), (columns * i).sum()])
        return torch.linalg.eigvalsh(second.reshape(2, 2) - torch.outer(mean, mean))

    straight = torch.stack([widths(motion_kernel(61, 0.0, generator(seed)).double()) for seed in range(20)])
    bent = torch.stack([widths(motion_kernel(61, 1.0, generator(seed)).double()) for seed in range(20)])
    assert straight[:, 0].max() < 1.2
    assert straight[:, 1].max() > 100
    assert bent[:, 0].median() > 1.5
    assert bent[:, 0].max() > 5


def test_a_fixed_width_and_a_varying_one() -> None:
    assert draw({"operator": "blur", "width": 3.0}, (3, 64, 64), generator(0))["width"] == 3
    widths = torch.cat(
        [draw({"operator": "blur", "width": [0, 3]}, (3, 64, 64), generator(s))["width"] for s in range(200)]
    )
    assert widths.min() < 0.2
    assert widths.max() > 2.8
    assert widths.mean().item() == pytest.approx(1.5, abs=0.15)


def test_rows_blur_by_their_own_width() -> None:
    x = noise(1, 3, 32, 32).expand(2, -1, -1, -1)
    y = build({"operator": "blur", "width": [0, 2]}, (3, 32, 32), {"width": width(0.0, 2.0)})(x)
    assert torch.equal(y[0], x[0])
    assert y[1].std() < 0.3 * x[1].std()


def test_an_oblong_image_is_refused() -> None:
    with pytest.raises(PosterityError, match="not 16×32"):
        GaussianBlur.of(width(1.0), (3, 16, 32))
