"""`klsweep report --open`, with a browser that writes down what it is asked for, and without any."""

NOBODY = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}


def test_the_page_is_opened(klsweep, write_spec, finished, tmp_path):
    store = finished(write_spec(), tmp_path / "r with spaces")
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/asked\n')
    browser.chmod(0o755)
    assert klsweep("report", store.path, "--open", "-q", **NOBODY | {"BROWSER": f"{browser} %s"}) == (
        0,
        "",
        "",
    )
    assert (tmp_path / "asked").read_text() == (store.report_dir / "index.html").as_uri()


def test_without_a_browser_it_says_where_the_page_is(klsweep, write_spec, finished, tmp_path):
    store = finished(write_spec(), tmp_path / "r")
    code, out, err = klsweep("report", store.path, "--open", "-q", PATH=str(tmp_path), **NOBODY)
    assert (code, out) == (0, "")
    assert "no browser was found" in err
    assert str(store.report_dir / "index.html") in err.replace("\n", "")
