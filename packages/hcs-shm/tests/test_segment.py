import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcs_shm._header import Header, Kind
from hcs_shm._segment import OwnSegment, create_segment, open_segment, open_table, owner_is_gone

posix = pytest.mark.skipif(sys.platform == "win32", reason="files have no owner and mode there")


def header(kind: Kind = Kind.MEMORY, slot_nbytes: int = 8192) -> Header:
    return Header(
        kind=kind,
        slot_count=2,
        slot_nbytes=slot_nbytes,
        pid=os.getpid(),
        start=0,
        boot_id="",
        worker_run="w",
        nonce="n",
    )


@pytest.fixture
def segment(folder: Path) -> Iterator[OwnSegment]:
    one = create_segment(folder, header())
    yield one
    one.path.unlink(missing_ok=True)
    one.unlock()


@pytest.fixture
def on_disk(spill_folder: Path) -> Iterator[OwnSegment]:
    one = create_segment(spill_folder, header(Kind.DISK))
    yield one
    one.remove()


def test_a_new_segment_is_whole_private_and_has_its_final_name(folder: Path, segment: OwnSegment) -> None:
    found = segment.path.stat()

    assert [path.name for path in folder.iterdir()] == [segment.name]
    assert found.st_size == segment.header.nbytes
    assert stat.S_IMODE(found.st_mode) == 0o600 or sys.platform == "win32"


@posix
def test_a_new_segment_has_all_its_blocks_on_the_device(segment: OwnSegment) -> None:
    found = segment.path.stat()

    assert found.st_blocks * 512 >= found.st_size


def test_what_is_written_is_seen_by_who_opens_the_file(segment: OwnSegment) -> None:
    opened = open_segment(segment.path)

    segment.view(segment.journal.offset_of(1), 3)[:] = b"new"

    assert bytes(opened.view(segment.journal.offset_of(1), 3)) == b"new"
    assert opened.header == segment.header


def test_an_opened_segment_cannot_be_written(segment: OwnSegment) -> None:
    with pytest.raises(TypeError):
        open_segment(segment.path).journal.take_back(0)


def test_a_view_outlives_its_segment(segment: OwnSegment) -> None:
    view = segment.view(segment.journal.offset_of(0), 8)
    view[:] = b"remember"

    segment.remove()

    assert bytes(view) == b"remember"
    assert not segment.path.exists()


def test_who_mapped_a_removed_segment_sees_that_it_is_closed(segment: OwnSegment) -> None:
    opened = open_segment(segment.path)

    segment.remove()

    assert opened.journal.closed


@posix
def test_a_link_to_a_segment_is_refused(folder: Path, segment: OwnSegment) -> None:
    link = folder / "link"
    link.symlink_to(segment.path)

    with pytest.raises(OSError, match="link"):
        open_segment(link)


@posix
def test_a_segment_that_is_open_to_others_is_refused(segment: OwnSegment) -> None:
    segment.path.chmod(0o604)

    with pytest.raises(PermissionError, match="mode 0600"):
        open_segment(segment.path)


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root can give a file away")
def test_another_users_segment_is_refused(segment: OwnSegment) -> None:
    os.chown(segment.path, 65534, -1)

    with pytest.raises(PermissionError, match="this user"):
        open_segment(segment.path)


@posix
def test_a_pipe_in_place_of_a_segment_is_refused_at_once(folder: Path) -> None:
    os.mkfifo(folder / "pipe", 0o600)

    with pytest.raises(PermissionError, match="plain file"):
        open_segment(folder / "pipe")


def test_a_segment_that_was_cut_is_refused(segment: OwnSegment) -> None:
    os.truncate(segment.path, segment.header.nbytes - 4096)

    with pytest.raises(ValueError, match="contradicts itself"):
        open_segment(segment.path)


def test_an_empty_file_is_refused(folder: Path) -> None:
    (folder / "empty").touch(0o600)

    with pytest.raises(ValueError, match="no hcs segment"):
        open_segment(folder / "empty")


@posix
def test_a_folder_that_others_may_change_is_refused(folder: Path) -> None:
    open_folder = folder / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)

    with pytest.raises(PermissionError, match="closed to others"):
        create_segment(open_folder, header())


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_that_another_user_may_have_made_for_this_one_is_refused(folder: Path) -> None:
    for_all, theirs = folder / "tmp", folder / "tmp" / "mine"
    theirs.mkdir(parents=True)
    for each in (for_all, theirs):
        each.chmod(0o1777)
    os.chown(theirs, 65534, -1)

    with pytest.raises(PermissionError, match="closed to others"):
        create_segment(theirs, header())
    create_segment(for_all, header()).remove()
    for_all.chmod(0o755)  # then only who may write there has made it
    create_segment(theirs, header()).remove()


@posix
def test_a_missing_folder_is_made_for_this_user_alone(folder: Path) -> None:
    made = create_segment(folder / "missing" / "inner", header())
    made.remove()

    assert stat.S_IMODE((folder / "missing").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "missing" / "inner").stat().st_mode) == 0o700


def test_a_segment_without_room_leaves_no_file(folder: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        create_segment(folder, header(slot_nbytes=1 << 50))

    assert list(folder.iterdir()) == []


def test_the_owner_lives_while_it_has_the_segment(segment: OwnSegment) -> None:
    with owner_is_gone(segment.path) as gone:
        assert not gone


@posix
def test_the_owner_is_gone_when_its_lock_is(segment: OwnSegment) -> None:
    segment.unlock()

    with owner_is_gone(segment.path) as first, owner_is_gone(segment.path) as second:
        assert (first, second) == (True, False)


@posix
def test_a_segment_that_lost_its_name_knows_it(segment: OwnSegment) -> None:
    before = segment.has_lost_its_name()

    segment.path.unlink()

    assert (before, segment.has_lost_its_name()) == (False, True)


def test_what_is_written_to_disk_is_seen_by_who_maps_the_file(on_disk: OwnSegment) -> None:
    offset = on_disk.journal.offset_of(1)

    on_disk.write(offset, memoryview(b"pixels"))

    opened = open_segment(on_disk.path)
    assert bytes(opened.view(offset, 6)) == bytes(on_disk.read(offset, 6)) == b"pixels"


def test_the_table_of_a_segment_on_disk_is_seen_by_who_maps_the_file(on_disk: OwnSegment) -> None:
    on_disk.journal.lend(1, 5, 100)

    assert (
        open_segment(on_disk.path).journal.slot(1) == open_table(on_disk.path).journal.slot(1) == (1, 5, 100)
    )


@posix
def test_a_segment_on_disk_has_all_its_blocks_before_its_first_image(on_disk: OwnSegment) -> None:
    found = on_disk.path.stat()

    assert found.st_blocks * 512 >= found.st_size
