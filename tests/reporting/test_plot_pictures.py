import io

import numpy as np
import pytest
from drawings import ORIGINALS, SHAPE, drawn, of_cases, shade, texts
from made_up import CONSTANT, LINEAR, grid
from PIL import Image

from klsweep.reporting import plots
from klsweep.reporting.plots import canvas, galleries, layout

BETAS = (0.001, 0.01, 0.1, 1.0)
_, HEIGHT, WIDTH = SHAPE
GAP = 1  # pixel


def shown(axes):
    """The pictures of an axes, [row, column, height, width], and the names of their rows."""
    sheet = np.asarray(axes.images[0].get_array())
    names = [text.get_text() for text in axes.texts if text.get_gid() == layout.ROW]
    gap = GAP if names else 0
    rows, columns = (sheet.shape[0] + gap) // (HEIGHT + gap), (sheet.shape[1] + gap) // (WIDTH + gap)
    at = [
        [sheet[r * (HEIGHT + gap) :, c * (WIDTH + gap) :][:HEIGHT, :WIDTH] for c in range(columns)]
        for r in range(rows)
    ]
    return np.array(at), names


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    cases = grid(beta_norm=BETAS, latent_dim=[2, 8], schedule=[CONSTANT, LINEAR], seed=[3, 1])
    return of_cases(tmp_path_factory.mktemp("pictures"), cases, pictures=True)


def test_reconstructions_are_one_strip_per_weight_under_the_originals(material):
    figure = drawn(material, "reconstructions")
    assert len(figure.axes) == 4
    pictures, names = shown(figure.axes[0])
    assert pictures.shape == (1 + len(BETAS), ORIGINALS, HEIGHT, WIDTH)
    assert [set(strip.flat) for strip in pictures[0]] == [{place} for place in range(ORIGINALS)]
    assert [set(row.flat) for row in pictures[1:]] == [{shade(beta)} for beta in BETAS]
    # N = 64 and M = 2: beta is 32 beta_norm
    assert names == ["original", "0.001 (0.032)", "0.01 (0.32)", "0.1 (3.2)", "1 (32)"]
    assert any("n = 1 seed: seed 1, of up to 2" in text for text in texts(figure))


def test_samples_are_one_strip_per_weight(material):
    pictures, names = shown(drawn(material, "samples").axes[0])
    assert pictures.shape == (len(BETAS), 16, HEIGHT, WIDTH)
    assert [set(row.flat) for row in pictures] == [{shade(beta)} for beta in BETAS]
    assert len(names) == len(BETAS)


def test_traversals_name_their_latents_and_their_weight(material):
    axes = drawn(material, "traversals").axes[0]
    pictures, names = shown(axes)
    assert pictures.shape == (2, 7, HEIGHT, WIDTH)
    assert names == ["z1", "z0"]
    assert "beta_norm 0.001 (beta 0.032)" in axes.get_title()


def test_a_manifold_is_drawn_for_models_of_two_latents_alone(material):
    figure = drawn(material, "manifold")
    assert len(figure.axes) == 2 * len(BETAS)
    assert all("latent_dim 2" in axes.get_title().replace("\n", " ") for axes in figure.axes)
    pictures, names = shown(figure.axes[-1])
    assert pictures.shape == (12, 12, HEIGHT, WIDTH)
    assert set(pictures.flat) == {shade(BETAS[-1])}
    assert names == []


@pytest.mark.parametrize("name", plots.PICTURES)
def test_data_that_are_no_images_have_no_pictures(tmp_path, name):
    assert plots.PICTURES[name](of_cases(tmp_path, grid(beta_norm=BETAS))) is None


def test_what_has_no_room_is_said(tmp_path):
    material = of_cases(tmp_path, grid(beta_norm=[0.1], latent_dim=range(3, 13)), pictures=True)
    assert any("No room for 4 more settings" in text for text in texts(drawn(material, "reconstructions")))


def test_colours_stay_colours_and_large_pictures_become_smaller():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (1, 2, 3, 3 * galleries.LARGEST, 3 * galleries.LARGEST), dtype=np.uint8)
    with canvas.style():
        figure = canvas.paper(4, 2, title="", foot="")
        axes = figure.add_subplot()
        galleries._draw(axes, galleries.Sheet("", pictures, ()))
        sheet = np.asarray(axes.images[0].get_array())
        png = canvas.images(figure, is_raster=True)
    np.testing.assert_array_equal(
        sheet[:, : galleries.LARGEST], pictures[0, 0, :, ::3, ::3].transpose(1, 2, 0)
    )
    assert set(png) == {"png"}
    assert Image.open(io.BytesIO(png["png"])).mode == "RGB"
