"""A file that is written whole stays as it was when its writer is interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.whole import written_whole


def test_a_file_is_there_as_it_was_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    with written_whole(path) as aside:
        aside.write_text("first")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as aside:
        aside.write_text("sec")
        raise KeyboardInterrupt
    assert path.read_text() == "first"
    with written_whole(path) as aside:
        aside.write_text("third")
    assert [(left.name, left.read_text()) for left in path.parent.iterdir()] == [("report.json", "third")]
