from pathlib import Path

import pytest

from auscult.facts.atomic import replace_file


@pytest.mark.parametrize("durable", [False, True])
def test_a_replaced_file_is_whole_and_alone(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a.wav"
    path.write_text("old")
    with replace_file(path, durable=durable) as partial:
        partial.write_text("new")
        assert (partial.name, path.read_text()) == ("a.wav", "old")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("old")

    def write_a_part() -> None:
        with replace_file(path) as partial:
            partial.write_text("part of a file")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_a_part()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
