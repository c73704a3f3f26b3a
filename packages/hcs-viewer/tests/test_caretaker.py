"""The store with little memory, one step of its thread after the other; at the end with the thread."""

import gc
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from hcs_protocol import DTYPES, FileRef, FrameRef, ImageReady, ImageSpec
from hcs_protocol.testing import FakeClock
from hcs_viewer._caretaker import BEGIN, PROGRAM_NBYTES, RETRY_SECONDS
from hcs_viewer._files import WorkersFile
from hcs_viewer._path_map import PathMap
from hcs_viewer._spilled import SpillFolder
from hcs_viewer._store import ImageLostError, KeptImage, Store

PATIENCE_SECONDS = 50
SHAPE = (256, 512)
NBYTES = 256 * 512 * 2
SPEC = ImageSpec(shape=SHAPE, dtype="uint16")
IMAGES = 40
"""So many fit into the budget."""

Array = npt.NDArray[np.generic]


class Looker:
    """Somebody who looks."""


class Case:
    """A store with little memory, and what it said."""

    def __init__(self, base: Path, spare_nbytes: int = 0) -> None:
        self.base = base
        self.clock = FakeClock()
        self.folder = SpillFolder(base, spare_nbytes=spare_nbytes)
        self.store = Store(budget=IMAGES * NBYTES, folder=self.folder, clock=self.clock)
        self.caretaker = self.store._caretaker
        self.back: list[object] = []
        self.room: list[bool] = []
        self.caretaker.on_back = self.back.append
        self.caretaker.on_room = lambda: self.room.append(True)

    def keep(self, *values: int, file: WorkersFile | None = None) -> list[int]:
        return [self.store.keep(SPEC, image(value).tobytes(), file) for value in values]

    def work(self) -> int:
        """Let the thread's work be done and return how many steps there were."""
        steps = 0
        while self.caretaker.step():
            steps += 1
            assert steps < 10_000, "it never ends"
        return steps

    def is_in_memory(self, number: int) -> bool:
        kept = self.store._shelf._places[number].kept
        return kept is not None

    def in_memory(self, numbers: list[int]) -> list[int]:
        return [number for number in numbers if self.is_in_memory(number)]

    def files(self) -> list[Path]:
        return sorted(self.base.rglob("*.blosc"))

    def value(self, number: int) -> int:
        return int(self.store.get(number).pixels[5, 7])


def image(value: int) -> Array:
    return np.full(SHAPE, value, np.uint16)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    case = Case(tmp_path)
    yield case
    case.folder.close()


def test_below_the_budget_nothing_leaves(case: Case) -> None:
    numbers = case.keep(*range(IMAGES * 8 // 10))

    assert case.work() == 0
    assert case.in_memory(numbers) == numbers
    assert list(case.base.iterdir()) == []


def test_the_images_that_came_first_leave_first_and_memory_stays_within_its_budget(case: Case) -> None:
    numbers: list[int] = []
    for value in range(4 * IMAGES):
        numbers += case.keep(value)
        case.work()
        assert case.store._shelf.used <= case.store.budget

    kept = case.in_memory(numbers)
    assert kept == numbers[-len(kept) :]
    assert len(kept) > 0.7 * IMAGES
    assert case.store.nbytes == len(kept) * NBYTES
    assert case.store.spilled_images == len(numbers) - len(kept)
    assert case.store.spilled_nbytes == case.store.spilled_images * NBYTES
    assert [case.value(number) for number in numbers] == list(range(4 * IMAGES))


def test_an_image_that_was_looked_at_lately_stays(case: Case) -> None:
    numbers = case.keep(*range(IMAGES))
    case.store.get(numbers[0])

    case.work()

    assert case.is_in_memory(numbers[0])
    assert not case.is_in_memory(numbers[1])


def test_what_is_on_the_screen_never_leaves(case: Case) -> None:
    looker = Looker()
    numbers = case.keep(*range(5))
    case.store.look(looker, numbers[:2])

    for value in range(3 * IMAGES):
        case.keep(value)
        case.work()

    assert case.in_memory(numbers) == numbers[:2]


def test_what_was_on_the_screen_leaves_in_its_turn(case: Case) -> None:
    looker = Looker()
    first, second = case.keep(1, 2)
    case.store.look(looker, [first])
    case.store.look(looker, [second])

    for value in range(3 * IMAGES):
        case.keep(value)
        case.work()

    assert case.in_memory([first, second]) == [second]


def test_what_was_on_the_screen_of_a_layer_that_is_gone_leaves(case: Case) -> None:
    looker = Looker()
    [number] = case.keep(1)
    case.store.look(looker, [number])
    del looker
    gc.collect()

    case.keep(*range(IMAGES))
    case.work()

    assert not case.is_in_memory(number)


def test_an_image_that_is_away_is_not_waited_for_and_comes_back(case: Case) -> None:
    looker = Looker()
    numbers = case.keep(*range(IMAGES))
    case.work()

    assert case.store.look(looker, numbers[:1]) is None
    assert case.back == []

    case.work()
    found = case.store.look(looker, numbers[:1])
    assert case.back == [looker]
    assert found is not None
    assert np.array_equal(found[numbers[0]].pixels, image(0))
    assert not found[numbers[0]].pixels.flags.writeable


def test_a_slider_that_went_on_does_not_bring_back_what_it_passed(case: Case) -> None:
    looker = Looker()
    numbers = case.keep(*range(IMAGES))
    case.work()
    away = [number for number in numbers if not case.is_in_memory(number)]

    for number in away:
        case.store.look(looker, [number])
    case.work()

    assert case.in_memory(away) == away[-1:]
    assert case.back == [looker]


def test_who_looks_at_several_hears_when_all_are_there(case: Case) -> None:
    looker = Looker()
    numbers = case.keep(*range(IMAGES))
    case.work()

    case.store.look(looker, numbers[:3])
    case.caretaker.step()
    case.caretaker.step()
    before = list(case.back)
    case.work()

    assert (before, case.back) == ([], [looker])


def test_an_image_for_which_there_is_no_memory_comes_back_when_others_have_left(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = case.keep(*range(IMAGES))
    case.work()
    looker = Looker()
    assert case.store.look(looker, numbers[:1]) is None
    case.keep(*range(IMAGES))

    def read(place: object) -> KeptImage:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(case.caretaker, "_read", read)
        assert case.work() > IMAGES // 2
        assert not case.back
    case.work()

    assert case.back == [looker]
    assert case.is_in_memory(numbers[0])


def test_an_image_that_came_back_leaves_again_without_being_written(case: Case) -> None:
    looker = Looker()
    numbers = case.keep(*range(IMAGES))
    case.work()
    case.store.look(looker, numbers[:1])
    case.work()
    files = [(path, path.stat().st_mtime_ns) for path in case.files()]

    case.store.look(looker, [])
    case.keep(*range(IMAGES))
    case.work()

    assert not case.is_in_memory(numbers[0])
    assert set(files) <= {(path, path.stat().st_mtime_ns) for path in case.files()}
    assert len(case.files()) == case.store.spilled_images
    assert case.value(numbers[0]) == 0


@pytest.mark.parametrize("shape", [SHAPE, (8, 8)])
def test_an_image_that_came_back_counts_as_before(case: Case, shape: tuple[int, int]) -> None:
    looker, spec = Looker(), ImageSpec(shape=shape, dtype="uint16")
    number = case.store.keep(spec, bytes(spec.nbytes))
    case.keep(*range(IMAGES))
    case.work()
    without = case.store._shelf.counted - case.store._slabs.free_nbytes

    case.store.look(looker, [number])
    case.caretaker._bring_one_back()

    counted = case.store._shelf.counted - case.store._slabs.free_nbytes
    assert counted == without + spec.nbytes


def test_an_image_that_is_asked_for_is_read_and_stays_away(case: Case) -> None:
    numbers = case.keep(*range(IMAGES))
    case.work()

    assert case.value(numbers[0]) == 0
    assert not case.is_in_memory(numbers[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "axes", "kind"),
    [((30, 40), "yx", "image"), ((2, 30, 40), "zyx", "image"), ((30, 40, 3), "yxc", "image")],
)
def test_images_of_every_kind_come_back_as_they_left(
    case: Case, dtype: str, shape: tuple[int, ...], axes: str, kind: str
) -> None:
    spec = ImageSpec(shape=shape, dtype=dtype, axes=tuple(axes), kind=kind)
    pixels = np.random.default_rng(1).integers(0, 120, shape).astype(dtype)
    number = case.store.keep(spec, pixels.tobytes())
    case.keep(*range(IMAGES))
    case.work()

    found = case.store.get(number)

    assert not case.is_in_memory(number)
    assert (found.spec, found.pixels.dtype) == (spec, pixels.dtype)
    assert np.array_equal(found.pixels, pixels)


def test_a_forgotten_image_takes_its_file_along(case: Case) -> None:
    numbers = case.keep(*range(IMAGES))
    case.work()
    before = len(case.files())

    case.store.forget(numbers[0])
    case.store.forget(numbers[0])
    case.work()

    assert len(case.files()) == before - 1
    assert case.store.spilled_images == before - 1
    with pytest.raises(KeyError):
        case.store.get(numbers[0])
    with pytest.raises(KeyError):
        case.store.look(Looker(), numbers[:1])


def test_all_that_is_forgotten_leaves_nothing(case: Case) -> None:
    looker = Looker()
    numbers = case.keep(*range(2 * IMAGES))
    case.work()
    case.store.look(looker, numbers[:1])

    for number in numbers:
        case.store.forget(number)
    case.work()

    assert case.files() == []
    assert (len(case.store), case.store.nbytes) == (0, 0)
    assert (case.store.spilled_images, case.store.spilled_nbytes) == (0, 0)


def test_an_image_that_is_forgotten_while_it_is_written_leaves_no_file(case: Case) -> None:
    class ForgettingFolder(SpillFolder):
        def write(self, pixels: Array):
            case.store.forget(numbers[0])
            return super().write(pixels)

    numbers = case.keep(*range(IMAGES))
    case.caretaker._folder = folder = ForgettingFolder(case.base, spare_nbytes=0)

    case.caretaker.step()

    assert case.files() == []
    folder.close()


def test_an_image_that_is_looked_at_while_it_is_written_stays(case: Case) -> None:
    class LookedAtFolder(SpillFolder):
        def write(self, pixels: Array):
            case.store.look(looker, numbers[:1])
            return super().write(pixels)

    looker = Looker()
    numbers = case.keep(*range(IMAGES))
    case.caretaker._folder = folder = LookedAtFolder(case.base, spare_nbytes=0)

    case.caretaker.step()

    assert case.is_in_memory(numbers[0])
    folder.close()


def test_others_memory_counts(case: Case) -> None:
    numbers = case.keep(*range(IMAGES // 2))

    case.store.reserve(int(0.7 * case.store.budget))
    case.work()

    assert len(case.in_memory(numbers)) < 0.25 * IMAGES
    case.store.reserve(0)
    assert case.work() == 0


@pytest.mark.parametrize(("beyond", "left_at_least"), [(0.0, 0.8), (0.3, 0.5), (9.0, 0.3)])
def test_what_else_the_process_holds_counts_up_to_half_of_the_budget(
    tmp_path: Path, beyond: float, left_at_least: float
) -> None:
    case = Case(tmp_path)
    case.caretaker._measure = lambda: (
        PROGRAM_NBYTES + case.store._shelf.counted + int(beyond * case.store.budget)
    )
    numbers: list[int] = []

    for value in range(2 * IMAGES):
        numbers += case.keep(value)
        case.work()

    part = len(case.in_memory(numbers)) / IMAGES
    assert left_at_least - 0.1 <= part <= left_at_least + 0.1
    case.folder.close()


def test_memory_that_waits_for_images_counts_and_gives_way(case: Case) -> None:
    numbers = case.keep(*range(IMAGES))
    for number in numbers:
        case.store.forget(number)

    assert 0 < case.store._slabs.free_nbytes < 0.1 * case.store.budget


# Files of workers.


@pytest.fixture
def tiff(tmp_path: Path) -> WorkersFile:
    tifffile.imwrite(tmp_path / "a.tif", image(3))
    found = WorkersFile.of(ready(tmp_path / "a.tif"), PathMap())
    assert found is not None
    return found


def ready(path: Path, *, by_frame: bool = False) -> ImageReady:
    where = FileRef(path=str(path))
    return ImageReady(
        sequence=1, spec=SPEC, pixels=FrameRef(frame=1, nbytes=NBYTES) if by_frame else where, file=where
    )


def test_an_image_that_lies_in_a_workers_file_is_written_nowhere(case: Case, tiff: WorkersFile) -> None:
    numbers = case.keep(3, file=tiff)
    case.keep(*range(int(BEGIN * IMAGES)))
    case.caretaker.step()

    assert not case.is_in_memory(numbers[0])
    assert case.files() == []
    assert np.array_equal(case.store.get(numbers[0]).pixels, image(3))
    case.store.forget(numbers[0])
    case.work()
    assert (case.base / "a.tif").exists()


def test_an_image_whose_file_changed_before_it_left_is_written(case: Case, tiff: WorkersFile) -> None:
    numbers = case.keep(3, file=tiff)
    tifffile.imwrite(case.base / "a.tif", image(4), description="another")

    case.keep(*range(IMAGES))
    case.work()

    assert not case.is_in_memory(numbers[0])
    assert np.array_equal(case.store.get(numbers[0]).pixels, image(3))


@pytest.mark.parametrize("change", ["removed", "changed", "damaged"])
def test_an_image_whose_file_changed_after_it_left_is_blank_for_good(
    case: Case, tiff: WorkersFile, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    looker = Looker()
    numbers = case.keep(3, file=tiff)
    case.keep(*range(IMAGES))
    case.work()
    if change == "removed":
        (case.base / "a.tif").unlink()
    elif change == "changed":
        tifffile.imwrite(case.base / "a.tif", image(4), description="another")
    else:
        (case.base / "a.tif").write_bytes(b"II*\0")

    with pytest.raises(ImageLostError, match=r"a\.tif"):
        case.store.get(numbers[0])
    for _ in range(3):
        found = case.store.look(looker, numbers)
        case.work()

    assert case.back == [looker]
    assert found is not None
    assert not found[numbers[0]].pixels.any()
    assert found[numbers[0]].pixels.shape == SHAPE
    assert caplog.text.count("image lost") == 1
    samples = [case.store.sample(numbers[0]).max() for _ in range(2)]
    assert samples == [3, 0]  # the first was taken when the image came


def test_a_file_of_who_sends_frames_may_be_another_one_here(tmp_path: Path, tiff: WorkersFile) -> None:
    assert WorkersFile.of(ready(tmp_path / "a.tif", by_frame=True), PathMap()) is None


def test_a_file_that_is_not_here_is_no_file(tmp_path: Path) -> None:
    assert WorkersFile.of(ready(tmp_path / "none.tif"), PathMap()) is None
    assert WorkersFile.of(ready(tmp_path), PathMap()) is None


# Trouble with the disk.


def test_when_the_disk_is_full_images_stay_and_the_user_is_told_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    case = Case(tmp_path, spare_nbytes=1 << 60)
    numbers = case.keep(*range(IMAGES + 1))
    case.work()
    case.work()

    assert case.in_memory(numbers) == numbers
    assert case.store.is_full
    assert case.store.problem is not None
    assert "free some of the disk" in case.store.problem
    assert "--memory" in case.store.problem
    assert caplog.text.count("images stay in memory") == 1
    case.folder.close()


def test_when_the_disk_has_room_again_images_leave(tmp_path: Path) -> None:
    case = Case(tmp_path, spare_nbytes=1 << 60)
    numbers = case.keep(*range(IMAGES + 1))
    case.work()

    case.folder._spare = 0
    case.work()
    too_early = case.in_memory(numbers)
    case.clock.advance(RETRY_SECONDS)
    case.work()

    assert too_early == numbers
    assert case.store.problem is None
    assert case.room == [True]
    assert not case.store.is_full
    case.folder.close()


def test_when_the_disk_is_full_an_image_that_lies_in_a_file_can_leave(
    tmp_path: Path, tiff: WorkersFile
) -> None:
    case = Case(tmp_path, spare_nbytes=1 << 60)
    others = case.keep(*range(IMAGES // 2))
    [number] = case.keep(3, file=tiff)
    others += case.keep(*range(IMAGES // 2))

    case.work()

    assert not case.is_in_memory(number)
    assert case.in_memory(others) == others
    case.folder.close()


def test_when_images_were_forgotten_a_full_disk_is_no_problem(tmp_path: Path) -> None:
    case = Case(tmp_path, spare_nbytes=1 << 60)
    numbers = case.keep(*range(IMAGES + 1))
    case.work()
    before = case.store.problem

    for number in numbers:
        case.store.forget(number)
    case.work()

    assert before is not None
    assert case.store.problem is None
    case.folder.close()


@pytest.mark.skipif(not shutil.which("mount") or os.name == "nt" or os.getuid() != 0, reason="wants root")
def test_a_small_disk_that_runs_full_loses_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr!r}")
    try:
        case = Case(tmp_path)
        noise = np.random.default_rng(1).integers(0, 1 << 16, SHAPE).astype(np.uint16)
        numbers = [case.store.keep(SPEC, (noise + value).tobytes()) for value in range(IMAGES)]
        case.work()

        assert case.store.problem is not None
        for value, number in enumerate(numbers):
            assert np.array_equal(case.store.get(number).pixels, noise + np.uint16(value))
        case.folder.close()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_without_a_folder_images_stay(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    store = Store(budget=IMAGES * NBYTES)
    for _ in range(IMAGES):
        store.keep(SPEC, bytes(NBYTES))

    store._caretaker.step()

    assert store.spilled_images == 0
    assert store.problem is not None


# Volumes.


def test_a_volume_comes_back_as_a_whole_and_its_copy_lets_it_leave(case: Case) -> None:
    looker, planes = Looker(), IMAGES // 4
    numbers = case.keep(*range(IMAGES))
    case.work()

    first = case.store.look(looker, numbers[:planes], planes * NBYTES)
    case.work()
    second = case.store.look(looker, numbers[:planes], planes * NBYTES)

    assert first is None
    assert second is not None
    assert sorted(second) == numbers[:planes]
    assert case.back == [looker]
    del second
    case.keep(*range(2 * IMAGES))
    case.work()
    assert case.in_memory(numbers[:planes]) == []


def test_a_volume_that_is_too_large_is_refused_and_nothing_is_read_for_it(case: Case) -> None:
    looker, planes = Looker(), IMAGES // 4 + 1
    numbers = case.keep(*range(2 * IMAGES))
    case.work()
    before = case.in_memory(numbers)

    for _ in range(3):
        assert case.store.look(looker, numbers[:planes], planes * NBYTES) is None
        assert case.work() == 0

    assert (case.back, case.in_memory(numbers)) == ([], before)
    assert case.store.problem is not None
    assert "volume" in case.store.problem
    case.store.look(looker, numbers[-1:])
    assert case.store.problem is None


def test_volumes_that_are_too_large_together_are_refused(case: Case) -> None:
    lookers = [Looker() for _ in range(3)]
    planes = IMAGES // 5
    numbers = case.keep(*range(IMAGES * 8 // 10))

    found = [
        case.store.look(looker, numbers[planes * place :][:planes], planes * NBYTES)
        for place, looker in enumerate(lookers)
    ]

    assert [images is not None for images in found] == [True, True, False]
    lookers.pop(0)
    gc.collect()
    assert case.store.look(lookers[-1], numbers[-planes:], planes * NBYTES) is not None


def test_two_volumes_that_come_back_at_once_both_come(case: Case) -> None:
    lookers, planes = [Looker(), Looker()], IMAGES // 4
    numbers = case.keep(*range(2 * IMAGES))
    case.work()

    for place, looker in enumerate(lookers):
        assert case.store.look(looker, numbers[planes * place :][:planes], planes * NBYTES) is None
    case.work()

    assert case.back == lookers[::-1]
    for place, looker in enumerate(lookers):
        assert case.store.look(looker, numbers[planes * place :][:planes], planes * NBYTES) is not None


# Samples.


def test_a_sample_is_there_though_the_image_is_away(case: Case) -> None:
    numbers = case.keep(*range(IMAGES))
    case.work()
    shutil.rmtree(case.base)

    sample = case.store.sample(numbers[7])

    assert (sample.min(), sample.max()) == (7, 7)


def test_a_second_sample_is_taken_from_the_image(case: Case) -> None:
    numbers = case.keep(*range(IMAGES))
    case.work()

    samples = [case.store.sample(numbers[7]) for _ in range(2)]

    assert np.array_equal(*samples)


# With the thread.


def test_the_thread_keeps_the_memory_within_its_budget_and_gives_back_what_is_looked_at(case: Case) -> None:
    looker, back, room = Looker(), threading.Event(), threading.Semaphore(0)
    case.store.start(on_back=lambda _: back.set(), on_room=room.release)
    try:
        numbers: list[int] = []
        for value in range(4 * IMAGES):
            while case.store.is_full:
                room.acquire(timeout=0.1)
            numbers += case.keep(value)
            assert case.store._shelf.used <= case.store.budget + 2 * NBYTES

        assert case.store.look(looker, numbers[:1]) is None
        assert back.wait(PATIENCE_SECONDS)
        found = case.store.look(looker, numbers[:1])
        assert found is not None
        assert np.array_equal(found[numbers[0]].pixels, image(0))
        assert [case.value(number) for number in numbers] == list(range(4 * IMAGES))
    finally:
        case.store.stop()
        case.store.stop()
    assert list(case.base.iterdir()) == []


def test_an_image_of_the_viewers_own_can_leave_too(case: Case) -> None:
    number = case.store.put(KeptImage(image(9), SPEC))
    case.keep(*range(IMAGES))
    case.work()

    assert not case.is_in_memory(number)
    assert case.value(number) == 9
