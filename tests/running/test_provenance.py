"""A result says which code made it, and a run says which results other code has made."""

from klsweep.running import provenance as origins
from klsweep.running.provenance import code_fingerprint, other_code, provenance
from klsweep.store import Record
from klsweep.version import __version__


def record(**said):
    return Record("0" * 12, {}, "ok", {}, "", said)


def test_the_fingerprint_is_of_names_and_content(tmp_path, monkeypatch):
    def of(floor="train", **files):
        (tmp_path / floor).mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / floor / f"{name}.py").write_text(text)
        monkeypatch.setattr(origins, "PACKAGE", tmp_path)
        code_fingerprint.cache_clear()
        return code_fingerprint()

    first = of(a="1", b="2")
    assert len(first) == 12
    assert of(a="1", b="2") == first
    assert of(a="1", b="3") != first
    changed = of(a="1", b="2", c="")
    assert changed != first
    assert of("cli", a="1") == changed
    assert of("vae", a="1") != changed
    monkeypatch.undo()
    code_fingerprint.cache_clear()


def test_results_of_this_code_are_not_worth_a_word():
    said = provenance("spec")
    assert other_code([record(**said)] * 3) == ()


def test_results_of_other_code_are_counted_by_the_code_that_made_them():
    found = other_code(
        [
            record(klsweep=__version__, code="b" * 12),
            *[record(klsweep="0.0.1", code="a" * 12)] * 2,
            record(),
        ]
    )
    assert [sentence.split(":")[0] for sentence in found] == [
        f"2 results were made by klsweep 0.0.1, code {'a' * 12}, and this is klsweep {__version__}, "
        f"code {code_fingerprint()}",
        f"1 result was made by klsweep {__version__}, code {'b' * 12}, and this is klsweep {__version__}, "
        f"code {code_fingerprint()}",
        f"1 result was made by klsweep of an unknown version, code unknown, and this is klsweep {__version__}, "
        f"code {code_fingerprint()}",
    ]


def test_another_spec_has_another_hash():
    assert provenance("a")["spec"] != provenance("b")["spec"]
