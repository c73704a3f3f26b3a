"""What happens to files is heard of, or found by looking."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from hcs_stream.commands._arrivals import Arrival, Arrivals, Listening, Polling, files_below


def until(arrivals: Arrivals, path: Path) -> Arrival:
    """Wait until a file arrives by what the system tells, or by a look."""
    for _ in range(10_000):
        for arrival in arrivals.wait(0.1):
            if arrival.path == path:
                return arrival
    raise AssertionError(f"{path} never arrived")


def test_hidden_files_and_the_insides_of_stores_are_no_files(tmp_path: Path) -> None:
    for name in (
        "a.tif",
        "deep/b.tif",
        ".c.tif",
        ".hidden/d.tif",
        "plate.zarr/zarr.json",
        "plate.zarr/A/1/c.tif",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert set(files_below(tmp_path)) == {tmp_path / "a.tif", tmp_path / "deep" / "b.tif"}


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege here")
def test_links_to_folders_are_followed_and_what_is_no_link_comes_first(tmp_path: Path) -> None:
    for name in ("elsewhere/a.tif", "here/real/b.tif"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    here = tmp_path / "here"
    for name, target in (("link", tmp_path / "elsewhere"), ("also real", here / "real"), ("round", here)):
        (here / name).symlink_to(target)

    assert list(files_below(here)) == [here / "real" / "b.tif", here / "link" / "a.tif"]


def test_a_folder_that_was_made_anew_is_listened_to(tmp_path: Path) -> None:
    folder = tmp_path / "plate"
    folder.mkdir()
    with Listening(folder) as arrivals:
        arrivals.wait(0)
        folder.rename(tmp_path / "old")
        folder.mkdir()
        arrivals.wait(0)
        (folder / "one.tif").touch()

        assert until(arrivals, folder / "one.tif").is_told


@pytest.mark.parametrize("kind", [Listening, partial(Polling, seconds=0.05)], ids=["heard of", "looked for"])
def test_what_is_there_and_what_comes_arrives(
    kind: Callable[[Path], Listening | Polling], tmp_path: Path
) -> None:
    (tmp_path / "old.tif").touch()
    with kind(tmp_path) as arrivals:
        until(arrivals, tmp_path / "old.tif")
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "one.tif").touch()

        until(arrivals, tmp_path / "new" / "one.tif")


def test_a_file_that_is_renamed_into_place_arrives_whole(tmp_path: Path) -> None:
    (tmp_path / "half").touch()
    with Listening(tmp_path) as arrivals:
        arrivals.wait(0)
        (tmp_path / "half").rename(tmp_path / "whole.tif")

        assert until(arrivals, tmp_path / "whole.tif") == Arrival(tmp_path / "whole.tif", True, True)


def test_a_folder_that_is_moved_here_brings_its_files(tmp_path: Path) -> None:
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    here.mkdir()
    (elsewhere / "one.tif").touch()
    with Listening(here) as arrivals:
        arrivals.wait(0)
        elsewhere.rename(here / "moved")

        until(arrivals, here / "moved" / "one.tif")


def test_a_new_file_brings_neither_its_neighbours_nor_what_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "old.tif").touch()
    (tmp_path / ".partial").mkdir()
    with Listening(tmp_path) as arrivals:
        arrivals.wait(0)
        (tmp_path / ".partial" / "new.tif").touch()
        (tmp_path / ".new.tif").touch()
        (tmp_path / "new.tif").touch()
        found: list[Arrival] = []
        while tmp_path / "new.tif" not in {arrival.path for arrival in found}:
            found += arrivals.wait(0.1)

    assert {arrival.path for arrival in found} == {tmp_path / "new.tif"}
