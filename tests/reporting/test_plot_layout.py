"""Where things stand on the paper, by matplotlib's own measure of every text."""

import io
import itertools

import pytest
from drawings import drawn, of_cases
from made_up import CONSTANT, LINEAR, grid
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from klsweep.reporting import plots
from klsweep.reporting.plots import canvas, looks

CYCLICAL = {"kind": "cyclical", "cycles": 4, "ratio": 0.5, "shape": "linear"}
NAMES = [*plots.FIGURES, *plots.PICTURES]


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    cases = grid(
        beta_norm=[0.0, 0.001, 0.003, 0.01, 0.1, 1.0],
        latent_dim=[2, 16],
        reduction=["sum", "mean_recon"],
        schedule=[CONSTANT, LINEAR, CYCLICAL],
        seed=[0, 1],
    )
    return of_cases(
        tmp_path_factory.mktemp("layout"), [case for case in cases if case.beta_norm], spectra=True
    )


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    cases = grid(beta_norm=[0.001, 0.01, 0.1, 1.0], latent_dim=[2], schedule=[CONSTANT, LINEAR, CYCLICAL])
    return of_cases(tmp_path_factory.mktemp("pictures"), cases, pictures=True)


def written(figure):
    """Every text outside the panels, and the panels themselves."""
    found = [*figure.texts, *(text for key in figure.legends for text in key.get_texts())]
    for axes in figure.axes:
        found += [axes.title, *(text for text in axes.texts if text.get_gid())]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            inside = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            found += [axis.label, *(tick.label1 for tick in inside), *(tick.label2 for tick in inside)]
    return [text for text in found if text.get_text() and text.get_visible()]


@pytest.mark.parametrize("look", looks.LOOKS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_over_anything_else_nor_beyond_the_paper(material, pictured, name, look):
    with canvas.style(looks.LOOKS[look]):
        figure = drawn(pictured if name in plots.PICTURES else material, name, looks.LOOKS[look])
        paper = FigureCanvasAgg(figure)
        paper.draw()
        texts = [(text, text.get_window_extent(paper.get_renderer())) for text in written(figure)]
    panels = [(axes, axes.get_window_extent()) for axes in figure.axes]
    width, height = paper.get_width_height()
    slack = 0.015 * figure.dpi  # a pixel or two, for the rounding of places and letters
    for text, box in texts:
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -slack, text
    for (one, box), (other, beside) in itertools.combinations([*texts, *panels], 2):
        across = min(box.x1, beside.x1) - max(box.x0, beside.x0)
        down = min(box.y1, beside.y1) - max(box.y0, beside.y0)
        both_slanted = hasattr(other, "get_rotation") and one.get_rotation() == other.get_rotation() == 45
        assert both_slanted or min(across, down) < slack, (name, one, other)


@pytest.mark.parametrize("name", NAMES)
def test_in_a_paper_every_figure_is_a_column_wide_and_its_words_are_a_caption(material, pictured, name):
    with canvas.style(looks.PAPER):
        figure = drawn(pictured if name in plots.PICTURES else material, name, looks.PAPER)
        files = canvas.images(figure, is_raster=name in plots.PICTURES)
    assert figure.get_figwidth() == 3.3
    assert not figure.texts
    assert set(files) == {"png", "svg", "pdf", "tex"} - ({"svg"} if name in plots.PICTURES else set())
    assert files["pdf"].startswith(b"%PDF")
    caption = files["tex"].decode()
    assert caption.startswith("\\caption{")
    assert "input\\_dim 64" in caption
    assert "_" not in caption.replace("\\_", "")


@pytest.mark.parametrize("name", ["latent_spectrum", "samples"])
def test_the_same_figure_gives_the_same_bytes_in_every_kind_of_file(material, pictured, name):
    chosen = pictured if name in plots.PICTURES else material
    with canvas.style(looks.PAPER):
        files = [canvas.images(drawn(chosen, name, looks.PAPER)) for _ in range(2)]
    assert files[0] == files[1]


def test_a_picture_without_colour_is_kept_in_grey_and_one_with_colour_in_colour(material, pictured):
    with canvas.style():
        images = [canvas.images(drawn(pictured, "samples")), canvas.images(drawn(material, "rate"))]
    assert [Image.open(io.BytesIO(files["png"])).mode for files in images] == ["L", "RGB"]
