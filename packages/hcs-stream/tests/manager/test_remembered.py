"""What the window remembers; a file that is broken is as if it was the first time."""

from pathlib import Path

import pytest

from hcs_stream.manager._remembered import (
    MOST_LAUNCHES,
    Launched,
    Remembered,
    recall,
    remember,
    remembered_path,
)


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    path = tmp_path / "new" / "manager.json"
    known = Remembered(geometry="abc", splitter=[1, 2], columns=[3], folder="/data", folders=["/data"])
    known.add_launch(Launched(title="Assay 7", data_port=5557))

    remember(known, path)

    assert recall(path) == known
    assert [each.name for each in path.parent.iterdir()] == ["manager.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"splitter": "wide"}', "\udcff", '{"columns": [1e400]}'])
def test_a_broken_file_is_as_if_it_was_the_first_time(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manager.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")

    assert recall(path) == Remembered()


def test_what_a_later_version_remembers_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "manager.json"
    path.write_text('{"folder": "/data", "mood": "fine"}')

    assert recall(path) == Remembered(folder="/data")


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    remember(Remembered(), tmp_path / "file" / "manager.json")

    assert recall(tmp_path / "file" / "manager.json") == Remembered()


def test_the_last_launches_are_remembered_once_each() -> None:
    known = Remembered()
    for port in (*range(5555, 5570), 5569):
        known.add_launch(Launched(data_port=port))

    assert [each.data_port for each in known.launches] == list(range(5569, 5569 - MOST_LAUNCHES, -1))


def test_it_lies_where_the_systems_settings_do(tmp_path: Path) -> None:
    assert remembered_path() == tmp_path / "config" / "hcs" / "manager.json"
