import logging
from collections.abc import Iterator
from enum import Enum
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcs_stream.storage import (
    Backend,
    BackendNameError,
    DiskBackend,
    FileManager,
    MemoryBackend,
    Reference,
    StorageBackend,
    StreamingBackend,
    UnknownBackendError,
    _defined,
    _registry,
    get_backend,
    known_backends,
)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget afterwards what a test registers."""
    registered: list[dict[str, Any]] = [_defined.classes, _defined.broken, _registry._instances]
    before = list(map(dict, registered))
    monkeypatch.setattr(_registry, "_looked_for_plugins", [True])
    yield
    for known, old in zip(registered, before, strict=True):
        known.clear()
        known.update(old)


def test_a_backend_is_registered_when_its_class_is_defined() -> None:
    class Shelf(MemoryBackend):
        name = "shelf"

    assert "shelf" in known_backends()
    assert isinstance(get_backend("shelf"), Shelf)


def test_an_abstract_class_is_not_registered() -> None:
    class Half(StorageBackend):
        name = "half"

    class Sender(StreamingBackend):
        name = "sender"

    assert not {"half", "sender"} & set(known_backends())


def test_a_class_that_lacks_a_method_is_an_error_that_says_which() -> None:
    class Half(StorageBackend):
        name = "half"

        def delete(self, path: Path) -> None:
            """Forget it."""

    with pytest.raises(UnknownBackendError, match=r"Half does not define ensure_directory, exists, list_im"):
        get_backend("half")


def test_options_of_a_backend_need_not_be_keyword_only(tmp_path: Path) -> None:
    class Bucket(MemoryBackend):
        name = "bucket"

        def save(self, data: object, path: Path, bucket: str = "images") -> Reference:
            return super().save(data, path.parent / bucket / path.name)

    filemanager = FileManager()
    filemanager.save(np.zeros((2, 2), np.uint8), tmp_path / "a.tif", "bucket", bucket="masks")

    assert filemanager.exists(tmp_path / "masks" / "a.tif", "bucket")


def test_a_name_belongs_to_one_class() -> None:
    with pytest.raises(BackendNameError, match="'disk' is DiskBackend's"):

        class Other(MemoryBackend):
            name = "disk"


def test_a_backend_needs_a_name() -> None:
    with pytest.raises(BackendNameError, match="the name of the backend"):

        class Nameless(MemoryBackend):
            name = ""


def test_a_class_defined_anew_takes_its_own_place() -> None:
    def define() -> type[StorageBackend]:
        class Shelf(MemoryBackend):
            name = "shelf"

        return Shelf

    define()
    newest = define()

    assert type(get_backend("shelf")) is newest


@pytest.mark.parametrize("named", ["disk", "DISK", Backend.DISK, Enum("Theirs", {"DISK": "disk"}).DISK])
def test_a_backend_is_found_by_name_and_by_enum(named: object) -> None:
    assert isinstance(get_backend(named), DiskBackend)  # type: ignore[arg-type]  # one of them is a stranger


def test_an_unknown_backend_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownBackendError, match=r"disk, memory, napari_stream, zarr.*did you mean 'disk'"):
        FileManager().load("a.tif", "dsk")


@pytest.mark.parametrize("nonsense", [None, 7, DiskBackend])
def test_what_is_no_backend_at_all_is_one_too(nonsense: object) -> None:
    with pytest.raises(UnknownBackendError, match="wanted one of the backends"):
        FileManager().load("a.tif", nonsense)  # type: ignore[arg-type]  # that is the point


def test_installed_packages_add_backends_and_a_broken_one_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "theirs.py").write_text(
        "from hcs_stream.storage import MemoryBackend\nclass Attic(MemoryBackend):\n    name = 'attic'\n"
    )
    (tmp_path / "theirs_broken.py").write_text("raise RuntimeError('no licence')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = [
        EntryPoint("attic", "theirs:Attic", _registry.GROUP),
        EntryPoint("cellar", "theirs_broken:Cellar", _registry.GROUP),
    ]
    monkeypatch.setattr(_registry, "entry_points", lambda group: found)
    _registry._looked_for_plugins.clear()

    with caplog.at_level(logging.WARNING):
        FileManager().save(np.zeros((2, 2), np.uint8), "a.tif", "attic")

    assert "cellar" in caplog.text
    assert "no licence" in caplog.text
    with pytest.raises(UnknownBackendError, match="no licence"):
        get_backend("cellar")


def test_several_backends_each_get_all_images_those_that_stream_last() -> None:
    said: list[str] = []

    class First(MemoryBackend):
        name = "first"

        def save(self, data: object, path: Path, *, colour: str = "") -> Reference:
            said.append(f"first {colour}")
            return super().save(data, path)

    class Sender(StreamingBackend):
        name = "sender"

        def save(self, data: object, path: Path, *, host: str = "", references: object = None) -> Reference:
            said.append(f"sender {host}")
            return None

    FileManager().save(np.zeros((2, 2), np.uint8), "a.tif", ["sender", "first"], colour="red", host="here")

    assert said == ["first red", "sender here"]


def test_an_option_that_no_backend_knows_is_an_error_that_suggests_one(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="found pixelsize; did you mean 'pixel_size'"):
        FileManager().save(np.zeros((2, 2), np.uint8), tmp_path / "a.tif", "disk", pixelsize=0.3)
