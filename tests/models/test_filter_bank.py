"""The convolutional encoder of textures: what its features depend on, and what they do not."""

import pytest
import torch

from cwamsn.errors import InputError
from cwamsn.models import FilterBank, build_encoder
from cwamsn.models.filter_bank import band_pass, mean_and_spread, standardised


@pytest.fixture
def images():
    return torch.randn(3, 5, 64, 48, generator=torch.Generator().manual_seed(0)) * 20 + 100


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return build_encoder("filter-bank", 5, widths=[6, 8], kernel=5, stride=2).eval()


def test_features_are_mean_and_spread_of_every_filter(encoder, images):
    assert encoder.num_features == 2 * (6 + 8)
    assert encoder(images).shape == (3, 28)
    responses = torch.randn(2, 3, 4, 5)
    expected = torch.cat([responses.mean((2, 3)), responses.var((2, 3), correction=0).add(1e-4).sqrt()], dim=1)
    torch.testing.assert_close(mean_and_spread(responses), expected)


def test_every_further_scale_sees_the_image_at_half_its_resolution(images):
    encoder = build_encoder("filter-bank", 5, widths=[6, 6], kernel=3).eval()
    halved = torch.nn.functional.avg_pool2d(images, 2)
    encoder.standardise = False  # else the halved images would be brought to spread 1 of their own
    encoder.scales[1].load_state_dict(encoder.scales[0].state_dict())
    torch.testing.assert_close(encoder(images)[:, 12:], encoder(halved)[:, :12])


def test_filters_start_at_one_size_of_structure_each():
    torch.manual_seed(0)
    filters = band_pass(40, 5, 9)
    torch.testing.assert_close(filters.sum((2, 3)), torch.zeros(40, 5), rtol=0, atol=1e-5)  # blind to brightness
    torch.testing.assert_close(filters.square().sum((1, 2, 3)), torch.ones(40))
    channels = (filters.abs().amax((2, 3)) > 0).sum(1)
    assert set(channels.tolist()) == {1, 2}
    spectrum = torch.fft.fft2(filters.sum(1), s=(64, 64)).abs().square()[:, :, :33]
    waves = torch.hypot(torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)[None])
    centre = (spectrum * waves).sum((1, 2)) / spectrum.sum((1, 2))
    noise = torch.fft.fft2(torch.randn(40, 9, 9), s=(64, 64)).abs().square()[:, :, :33]
    spread = ((spectrum * (waves - centre[:, None, None]) ** 2).sum((1, 2)) / spectrum.sum((1, 2))).sqrt()
    mean = ((noise * waves).sum((1, 2)) / noise.sum((1, 2)))[:, None, None]
    of_noise = ((noise * (waves - mean) ** 2).sum((1, 2)) / noise.sum((1, 2))).sqrt()
    assert spread.median() < 0.6 * of_noise.median() and centre.max() > 2.5 * centre.min()


def test_the_start_follows_the_seed():
    def drawn(seed, start):
        torch.manual_seed(seed)
        return build_encoder("filter-bank", 5, widths=[6], start=start).scales[0].weight

    assert torch.equal(drawn(1, "bands"), drawn(1, "bands"))
    assert not torch.equal(drawn(1, "bands"), drawn(2, "bands"))
    assert drawn(1, "noise").sum((2, 3)).abs().max() > 0.1


def test_a_filter_of_one_pixel_starts_as_a_weight_of_channels():
    torch.testing.assert_close(band_pass(4, 3, 1).square().sum((1, 2, 3)), torch.ones(4))


def test_the_number_of_features_can_be_chosen(images):
    assert build_encoder("filter-bank", 5, widths=[6], features=4)(images).shape == (3, 4)


def test_gain_and_background_of_a_stain_change_nothing(encoder, images):
    gain, background = torch.tensor([0.5, 1, 2, 4, 8]).view(1, 5, 1, 1), torch.arange(5.0).view(1, 5, 1, 1)
    torch.testing.assert_close(encoder(images * gain + background), encoder(images), rtol=0, atol=2e-2)


def test_an_empty_channel_is_not_blown_up_to_noise(images):
    images[:, 0] = 7 + 1e-4 * images[:, 0]
    assert standardised(images)[:, 0].abs().max() < 0.3
    assert torch.isfinite(standardised(torch.zeros(1, 2, 8, 8))).all()


def test_without_standardisation_gain_is_seen(images):
    torch.manual_seed(0)
    encoder = build_encoder("filter-bank", 5, widths=[6], standardise=False)
    assert (encoder(2 * images) - encoder(images)).abs().max() > 1


def test_a_texture_is_the_same_wherever_it_lies(images):
    encoder = FilterBank(5, widths=[4], kernel=1, stride=1)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(encoder(images[:, :, order]), encoder(images), rtol=1e-4, atol=1e-4)


def test_masked_squares_are_not_seen(encoder, images):
    encoder.standardise = False  # else the mean of the whole channel tells of them
    keep = torch.arange(1, 8 * 6)
    changed = images.clone()
    changed[:, :, :8, :8] += 50
    torch.testing.assert_close(encoder(changed, keep), encoder(images, keep))
    assert not torch.allclose(encoder(changed), encoder(images))


def test_a_mask_may_differ_between_images(encoder, images):
    keep = torch.stack([torch.randperm(48)[:40] for _ in range(3)])
    together = encoder(images, keep)
    alone = torch.cat([encoder(images[i : i + 1], keep[i]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_every_weight_gets_a_gradient(encoder, images):
    encoder.train()(images).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in encoder.parameters())


@pytest.mark.parametrize(
    "options", [{"width": [3]}, {"widths": []}, {"widths": [0]}, {"stride": 0}, {"features": 0}, {"start": "x"}]
)
def test_options_that_do_not_fit_are_refused_in_one_line(options):
    with pytest.raises(InputError, match="encoder_options: filter-bank does not take"):
        build_encoder("filter-bank", 5, **options)
