import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr.io
import ome_zarr.reader
import pytest
import zarr

from hcs_protocol import InvalidComponentError, UnsupportedArrayError
from hcs_stream.microscopes import open_plate, read_image
from hcs_stream.storage import (
    ArrayOptions,
    FileManager,
    ImageNotFoundError,
    StorageWriteError,
    UnreadableImageError,
    ZarrOutput,
    ZarrPlate,
)
from hcs_stream.storage._zarr_state import PlateState

Address = dict[str, object]
VERSIONS = pytest.mark.parametrize("ngff", ["0.5", "0.4"])


WRITER = """
import json, os, signal, sys
import numpy as np
from hcs_stream.storage import ZarrPlate

folder, ngff, then, images = sys.argv[1:]
plate = ZarrPlate(folder, ngff=ngff)
for address, grey in json.loads(images):
    plate.write(address, np.full((600, 640), grey, np.uint16), pixel_size=(0.5, 0.25), z_step=2.0)
if then == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def grey(address: Address) -> int:
    """Return a grey value that says where an image was taken."""
    return (
        1
        + sum(ord(letter) * 31**place for place, letter in enumerate(repr(sorted(address.items())))) % 60_000
    )


def addresses() -> list[Address]:
    """Return what a small plate has."""
    return [
        {"well": well, "site": site, "channel": channel, "z_index": z, "timepoint": 1}
        for well in ("A1", "A02", "C12")
        for site in (1, 2)
        for channel in ("DAPI", "GFP")
        for z in (1, 2, 3)
    ]


def start_writer(folder: Path, ngff: str, some: Iterable[Address], then: str = "") -> subprocess.Popen[bytes]:
    """Write some images in a process of its own."""
    images = json.dumps([(address, grey(address)) for address in some])
    return subprocess.Popen([sys.executable, "-c", WRITER, folder, ngff, then, images])


@pytest.fixture(scope="module", params=["0.5", "0.4"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plate that several processes wrote together, for all tests that only read it."""
    folder, shuffled = tmp_path_factory.mktemp("written") / "plate.zarr", addresses()
    random.Random(5).shuffle(shuffled)
    for writer in [start_writer(folder, request.param, shuffled[part::3]) for part in range(3)]:
        assert writer.wait() == 0
    ZarrPlate(folder).finalise()
    return folder


def test_several_processes_write_wells_and_fields_of_one_plate(written: Path) -> None:
    plate = ZarrPlate(written)

    for address in addresses():
        found = plate.read(address)
        assert found.shape == (600, 640)
        assert (found == grey(address)).all()


def test_readers_of_plates_see_every_pixel_where_it_belongs(written: Path) -> None:
    pixels, channels = _read_as_plate(written)

    found = pixels.compute(scheduler="synchronous")  # its own threads would stay
    first: Address = {"well": "A1", "site": 1, "channel": "GFP", "z_index": 3, "timepoint": 1}
    last: Address = {"well": "C12", "site": 1, "channel": "DAPI", "z_index": 2, "timepoint": 1}
    assert sorted(channels) == ["DAPI", "GFP"]
    assert found.shape == (1, 2, 3, 2 * 600, 3 * 640)  # of each well the first site
    assert found[0, channels.index("GFP"), 2, 0, 0] == grey(first)
    assert found[0, channels.index("DAPI"), 1, -1, -1] == grey(last)


def test_napari_reads_plate_and_field(written: Path) -> None:
    reader = pytest.importorskip("napari_ome_zarr").napari_get_reader

    field, plate = str(written / "A" / "01" / "2"), str(written)
    layers = reader(field)(field)  # one for each channel, or before 0.11 one with all of them

    names = [name for _, keywords, *_ in layers for name in np.atleast_1d(keywords["name"])]
    assert sorted(name.rpartition(" ")[2] for name in names) == ["DAPI", "GFP"]
    for levels, keywords, *_ in layers:
        assert [level.shape[-2:] for level in levels] == [(600, 640), (300, 320)]
        assert list(keywords["scale"])[-3:] == [2.0, 0.5, 0.25]
    for levels, *_ in reader(plate)(plate):
        assert levels[0].shape[-3:] == (3, 2 * 600, 3 * 640)


def test_planes_may_come_in_any_order_and_are_where_their_numbers_say(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    for z in (4, 1, 3):
        plate.write({"well": "B3", "z_index": z, "timepoint": 2}, np.full((5, 6), z, np.uint8))

    array = zarr.open_array(plate.folder / "B" / "03" / "0" / "0", mode="r")

    assert array.shape == (2, 1, 4, 5, 6)
    assert np.asarray(array)[1, 0, :, 0, 0].tolist() == [1, 0, 3, 4]


def test_what_is_declared_has_its_place_from_the_start(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.declare(wells=["A1", "H12"], channels=["GFP", "DAPI"], z_indexes=[10, 0, 20], timepoints=[0])

    plate.write({"well": "A1", "channel": "DAPI", "z_index": 20, "timepoint": 0}, np.ones((5, 6), np.uint8))

    array = zarr.open_array(plate.folder / "A" / "01" / "0" / "0", mode="r")
    assert array.shape == (1, 2, 3, 5, 6)
    assert np.asarray(array)[0, 1, 2].all()
    document = json.loads((plate.folder / "zarr.json").read_text())["attributes"]["ome"]["plate"]
    assert [row["name"] for row in document["rows"]] == ["A", "H"]
    assert [well["path"] for well in document["wells"]] == ["A/01"]


def test_a_stack_fills_its_planes(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    stack = np.arange(60, dtype=np.uint16).reshape(2, 5, 6)

    plate.write({"well": "A1"}, stack)

    np.testing.assert_array_equal(plate.read({"well": "A1"}), stack)
    np.testing.assert_array_equal(plate.read({"well": "A1", "z_index": 2}), stack[1])


@pytest.mark.parametrize("first", [1, None])
def test_a_projection_is_no_plane_of_its_stack(first: int | None, tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.declare(z_indexes=[1, 2, None])
    for z in (first, 1, 2, None):
        plate.write({"well": "A1", "z_index": z}, np.full((5, 6), z or 9, np.uint8))

    assert zarr.open_array(plate.folder / "A" / "01" / "0" / "0", mode="r").shape == (1, 1, 2, 5, 6)
    assert [plate.read({"well": "A1", "z_index": z}).max() for z in (1, 2, None)] == [1, 2, 9]


def test_a_result_of_another_dtype_replaces_the_one_before(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.write({"well": "A1", "channel": 2}, np.ones((5, 6), np.uint16))
    plate.write({"well": "A1", "channel": 2}, np.full((5, 6), 0.5, np.float32))

    assert plate.read({"well": "A1", "channel": "2"}).max() == 0.5


def test_the_plate_opens_as_a_plate_of_images(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.declare(channels=["DAPI", "GFP"], z_indexes=[1, 2])
    for channel in ("DAPI", "GFP"):
        plate.write({"well": "B3", "site": 2, "channel": channel, "z_index": 2}, np.ones((5, 6), np.uint8))
    plate.finalise()

    found = open_plate(plate.folder)

    assert {(image.well, image.site, image.channel) for image in found.images} == {
        ("B03", 2, "DAPI"),
        ("B03", 2, "GFP"),
    }
    assert read_image(found.images[-1]).shape == (5, 6)


def test_labels_beside_images_are_ngff_labels(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    address: Address = {"well": "A1", "site": 1, "channel": "DAPI"}
    plate.write(address, np.ones((5, 6), np.uint16))
    plate.write(address, np.full((5, 6), 7, np.uint32), kind="labels")

    labels = json.loads((plate.folder / "A/01/1/labels/zarr.json").read_text())["attributes"]["ome"]["labels"]
    array = zarr.open_array(plate.folder / "A" / "01" / "1" / "labels" / labels[0] / "0", mode="r")
    assert np.asarray(array)[0, 0, 0, 0, 0] == 7
    assert plate.read(address).max() == 1


def test_an_image_comes_before_labels_of_its_address_in_whichever_order_they_were_written(
    tmp_path: Path,
) -> None:
    output, step = ZarrOutput(tmp_path), (1, "blur")
    address: Address = {"well": "A1", "site": 1, "channel": "DAPI"}
    output.write(address, np.full((5, 6), 2, np.int32), step=step, kind="labels")
    assert output.read(address, step=step).max() == 2

    for value in (np.uint16(7), np.float32(7.5)):
        output.write(address, np.full((5, 6), value), step=step)

        assert output.read(address, step=step).max() == value
        assert output.read(address, step=step, kind="labels").max() == 2


def test_who_asks_for_labels_is_not_given_an_image(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    plate.write({"well": "A1"}, np.ones((5, 6), np.uint8))

    with pytest.raises(ImageNotFoundError):
        plate.read({"well": "A1"}, kind="labels")


def test_images_of_another_dtype_or_size_lie_beside_the_others(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.write({"well": "A1", "channel": "1"}, np.ones((5, 6), np.uint16))
    plate.write({"well": "A1", "channel": "2"}, np.full((5, 6), 0.5, np.float32))
    plate.write({"well": "A1", "channel": "3"}, np.full((8, 6), 4, np.uint16))

    found = [plate.read({"well": "A1", "channel": channel}) for channel in "123"]

    assert [(pixels.shape, pixels.dtype.name) for pixels in found] == [
        ((5, 6), "uint16"),
        ((5, 6), "float32"),
        ((8, 6), "uint16"),
    ]
    well = json.loads((plate.folder / "A/01/zarr.json").read_text())["attributes"]["ome"]["well"]
    assert well["images"] == [{"path": "0"}]


@pytest.mark.parametrize("ngff", ["0.5", "0.4"])
def test_a_plate_whose_images_were_all_replaced_by_another_dtype_shows_the_new_ones(
    ngff: Any, tmp_path: Path
) -> None:
    fields = [{"well": well, "site": site} for well in ("A01", "B02") for site in (1, 2)]
    for value in (np.uint16(7), np.float32(0.5)):
        plate = ZarrPlate(tmp_path / "plate.zarr", ngff=ngff)
        for address in fields:
            plate.write(address, np.full((5, 6), value))
        plate.finalise()

    opened = open_plate(plate.folder).images
    assert [(image.well, image.site) for image in opened] == [("A01", 1), ("A01", 2), ("B02", 1), ("B02", 2)]
    assert {read_image(image).max() for image in opened} == {0.5}

    plate.write(fields[0], np.full((5, 6), 8, np.uint16))
    plate.finalise()
    assert read_image(open_plate(plate.folder).images[0]).max() == 8


def test_sites_of_similar_names_do_not_replace_each_other(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    for value, site in enumerate(("12", "1-2", "1_2")):
        plate.write({"well": "A01", "site": site}, np.full((5, 6), value, np.uint8))

    assert [plate.read({"well": "A01", "site": site}).max() for site in ("12", "1-2", "1_2")] == [0, 1, 2]


@VERSIONS
@pytest.mark.parametrize("sites", [(1, "1float32"), ("1float32", 1)])
def test_a_site_that_is_called_as_anothers_variant_has_images_of_its_own(
    sites: tuple[object, object], ngff: Any, tmp_path: Path
) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr", ngff=ngff)
    images = [
        np.full((5, 6), value) for value in (np.uint16(1), np.uint16(2), np.float32(4.5), np.float32(5.5))
    ]
    addresses: list[Address] = [
        {"well": "A1", "site": site, "channel": channel} for channel in "xy" for site in sites
    ]

    for address, image in zip(addresses, images, strict=True):
        plate.write(address, image)
    plate.finalise()

    for address, image in zip(addresses, images, strict=True):
        np.testing.assert_array_equal(ZarrPlate(plate.folder).read(address), image)
    opened = open_plate(plate.folder).images
    assert {read_image(image).max() for image in opened if image.channel == "x"} == {1, 2}


def test_an_image_is_not_found_at_the_site_that_is_called_as_its_variant(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    plate.write({"well": "A1", "site": 2}, np.ones((5, 6), np.uint16))
    plate.write({"well": "A1", "site": 1}, np.ones((5, 6), np.float32))

    with pytest.raises(ImageNotFoundError):
        plate.read({"well": "A1", "site": "1float32"})


def test_an_image_that_is_all_zero_was_written_and_its_neighbour_was_not(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.write({"well": "A1", "z_index": 2}, np.zeros((5, 6), np.uint8))

    assert not plate.read({"well": "A1", "z_index": 2}).any()
    with pytest.raises(ImageNotFoundError):
        plate.read({"well": "A1", "z_index": 1})


@pytest.mark.parametrize("sharding", [True, False])
@pytest.mark.parametrize("compressor", ["zstd", "lz4", "gzip", "none"])
@VERSIONS
def test_chunks_shards_and_compressors_keep_every_pixel(
    ngff: str, compressor: str, sharding: bool, tmp_path: Path
) -> None:
    options = ArrayOptions(chunk=64, sharding=sharding, compressor=compressor, levels=3)  # type: ignore[arg-type]  # all are
    plate = ZarrPlate(tmp_path / "plate.zarr", ngff=ngff, options=options)  # type: ignore[arg-type]  # one of both
    pixels = np.random.default_rng(1).integers(0, 60_000, (150, 130), np.uint16)

    reference = plate.write({"well": "A1"}, pixels)

    assert reference is not None
    assert Path(reference.path).is_file()
    files = [path for path in Path(reference.path).parent.parent.rglob("*") if path.is_file()]
    assert len(files) == (1 if sharding and ngff == "0.5" else 9)
    np.testing.assert_array_equal(plate.read({"well": "A1"}), pixels)


@pytest.mark.parametrize(
    "address", [{}, {"well": "Cy3"}, {"well": "../../etc"}, {"well": "A1", "site": "../.."}, {"wel": "A1"}]
)
def test_an_address_that_is_none_is_an_error(address: Address, tmp_path: Path) -> None:
    with pytest.raises(InvalidComponentError, match=r"wanted|a well is"):
        ZarrPlate(tmp_path / "plate.zarr").write(address, np.ones((5, 6), np.uint8))
    assert not (tmp_path / "plate.zarr").exists()


@pytest.mark.parametrize(
    "value",
    [
        {"channel": "x" * 513},
        {"channel": "\ud800"},
        {"z_index": 2**63},
        {"z_index": "z" * 513},
        {"timepoint": -(2**70)},
        {"site": "1" * 300},
        {"site": "\ud800"},
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_and_spoils_no_plate(value: Address, tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    plate.write({"well": "A1"}, np.ones((5, 6), np.uint8))

    with pytest.raises(InvalidComponentError, match="wanted"):
        plate.write({"well": "A2", **value}, np.ones((5, 6), np.uint8))

    assert ZarrPlate(plate.folder).read({"well": "A1"}).all()


def test_colours_of_a_channel_whose_name_leaves_them_no_room_are_refused(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    plate.write({"well": "A1", "channel": "x" * 510}, np.ones((5, 6), np.uint8))

    with pytest.raises(InvalidComponentError, match="wanted"):
        plate.write({"well": "A1", "channel": "x" * 510}, np.ones((5, 6, 3), np.uint8))

    assert ZarrPlate(plate.folder).read({"well": "A1", "channel": "x" * 510}).all()


def test_a_state_that_could_not_be_read_again_is_not_written() -> None:
    state = PlateState(declared={"z": [2**63]})

    with pytest.raises(InvalidComponentError, match="can keep"):
        state.to_json()


def test_a_plate_of_another_program_is_not_overwritten(tmp_path: Path) -> None:
    theirs = tmp_path / "plate.zarr" / "A" / "01" / "0"
    zarr.create_group(theirs, attributes={"ome": {"version": "0.5", "multiscales": []}})

    with pytest.raises(StorageWriteError, match="another program's"):
        ZarrPlate(tmp_path / "plate.zarr").write({"well": "A1"}, np.ones((5, 6), np.uint8))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("theirs", ["plate", "image", "array"])
@pytest.mark.parametrize("name", ["A01_s1_w1.tif", "holiday.tif"])
def test_what_another_program_says_of_its_zarr_is_not_overwritten(
    name: str, theirs: str, zarr_format: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "plate.zarr"
    if theirs == "array":
        zarr.create_array(folder, data=np.ones((5, 6)), zarr_format=zarr_format)
    else:
        key = "plate" if theirs == "plate" else "multiscales"
        zarr.create_group(folder, attributes={key: {"acquisitions": [{"id": 1}]}}, zarr_format=zarr_format)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    with pytest.raises(StorageWriteError, match=r"another program's zarr.*another folder"):
        FileManager().save(np.ones((5, 6), np.uint8), folder / name, "zarr")

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "options",
    [
        {"chunk": 0},
        {"chunk": 2.5},
        {"compression_level": 10},
        {"compression_level": "1"},
        {"levels": 0},
        {"compressor": "jpeg"},
    ],
)
def test_a_layout_that_cannot_be_is_refused_before_anything_is_written(
    options: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="wanted"):
        FileManager().save(
            np.ones((5, 6), np.uint8), tmp_path / "p.zarr" / "A01_s1_w1.tif", "zarr", **options
        )

    assert not (tmp_path / "p.zarr").exists()


@VERSIONS
def test_a_plane_that_was_not_written_whole_is_not_there(ngff: Any, tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr", ngff=ngff, options=ArrayOptions(chunk=4, sharding=False))
    reference = plate.write({"well": "A1"}, np.ones((5, 6), np.uint8))
    assert reference is not None
    Path(reference.path).with_name("1").unlink()  # as if the writer had been killed before

    with pytest.raises(ImageNotFoundError):
        plate.read({"well": "A1"})


@pytest.mark.parametrize(
    "said",
    [
        {"pixel_size": (0.3, "x")},
        {"pixel_size": 0},
        {"z_step": -1},
        {"wavelengths": {"DAPI": "blue"}},
        {"wells": ["XX99"]},
        {"timepoints": [1.5]},
    ],
)
def test_what_cannot_be_declared_is_refused_and_spoils_no_plate(said: dict[str, Any], tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")

    with pytest.raises((InvalidComponentError, UnsupportedArrayError)):
        plate.declare(**said)

    plate.write({"well": "A1"}, np.ones((5, 6), np.uint8))
    assert ZarrPlate(plate.folder).read({"well": "A1"}).all()


def test_one_of_several_may_be_declared_by_itself(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")

    plate.declare(channels="DAPI", wells="A01", pixel_size=0.5, z_step=np.float32(2), wavelengths={1: 461})  # type: ignore[arg-type, dict-item]

    state = ZarrPlate(plate.folder).state()
    assert state.declared["c"] == ["DAPI"]
    assert (state.wells, state.pixel_size, state.z_step) == (["A/01"], (0.5, 0.5), 2.0)
    assert state.wavelengths == {"1": 461.0}


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64", "float16", "float64"])
@pytest.mark.parametrize("least", [True, False])
def test_smaller_versions_keep_the_greatest_and_the_least_values(
    dtype: Any, least: bool, tmp_path: Path
) -> None:
    known = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    value = known.min if least else known.max
    plate = ZarrPlate(tmp_path / "p.zarr", options=ArrayOptions(levels=2))

    plate.write({"well": "A1"}, np.full((5, 7), value, dtype))

    smaller: Any = zarr.open_array(plate.folder / "A" / "01" / "0" / "1")
    assert (smaller[...] == value).all()


def test_a_step_may_have_a_long_name_in_any_script(tmp_path: Path) -> None:
    output = ZarrOutput(tmp_path)

    output.write({"well": "A1"}, np.ones((5, 6), np.uint8), step=(1, "核染色" * 100))

    assert output.read({"well": "A1"}, step=(1, "核染色" * 100)).all()


def test_an_outputs_plate_that_cannot_be_made_whole_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    output = ZarrOutput(tmp_path)
    for well, channel in (("A1", "1"), ("A2", "2")):
        output.write({"well": well, "channel": channel}, np.ones((5, 6), np.uint8), step=(1, "blur"))
    for name in ("Step_00_theirs", "Step_02_theirs"):
        zarr.create_group(tmp_path / f"{name}.zarr", attributes={"plate": {}})

    with pytest.raises(StorageWriteError, match="another program's"):
        output.finalise()

    assert zarr.open_array(tmp_path / "Step_01_blur.zarr" / "A" / "01" / "0" / "0").shape[1] == 2


def test_a_wavelength_needs_no_channel(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")

    plate.write({"well": "A1"}, np.ones((5, 6), np.uint8), emission_wavelength=520)

    image = zarr.open_group(plate.folder / "A" / "01" / "0").attrs["ome"]
    assert image["omero"]["channels"][0]["emissionWavelength"] == 520  # type: ignore[index, call-overload]


@VERSIONS
@pytest.mark.parametrize(
    "said",
    [
        {"variants": {"": {"elsewhere": {"B/03/1": "../../../outside"}}}},
        {"variants": {"/../../../../outside": {}, "": None}},
        {"wells": ["../outside"]},
    ],
    ids=["a field's folder", "a variant", "a well"],
)
def test_metadata_that_lead_out_of_the_plate_are_damaged(
    tmp_path: Path, ngff: Any, said: dict[str, Any]
) -> None:
    folder = tmp_path / "plate.zarr"
    ZarrPlate(folder, ngff=ngff).write({"well": "A01", "site": 1}, np.ones((4, 4), np.uint8))
    file = folder / ("zarr.json" if ngff == "0.5" else ".zattrs")
    document = json.loads(file.read_text())
    own = (document["attributes"] if ngff == "0.5" else document)["hcs"]
    first = own["variants"][""]
    variants = {name: first | (more or {}) for name, more in said.get("variants", {"": {}}).items()}
    own |= said | {"variants": variants}
    file.write_text(json.dumps(document))

    with pytest.raises(UnreadableImageError, match="damaged metadata"):
        ZarrPlate(folder, ngff=ngff).write({"well": "B03", "site": 1}, np.ones((4, 4), np.uint8))
    assert list(tmp_path.rglob("*outside*")) == []


def test_a_field_that_says_it_is_of_a_well_elsewhere_is_damaged(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.write({"well": "A01", "site": 1}, np.ones((4, 4), np.uint8))
    file = plate.folder / "A/01/1/zarr.json"
    file.write_text(file.read_text().replace('"A/01"', '"../../outside"'))

    with pytest.raises(UnreadableImageError, match="damaged metadata"):
        plate.finalise()
    assert not (tmp_path / "outside").exists()


def test_damaged_metadata_is_a_clear_error(tmp_path: Path) -> None:
    plate = tmp_path / "plate.zarr"
    plate.mkdir()
    (plate / "zarr.json").write_text("{")

    with pytest.raises(UnreadableImageError, match="damaged metadata"):
        ZarrPlate(plate)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_what_a_killed_writer_left_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "plate.zarr"
    writer = start_writer(folder, "0.5", [{"well": "A1", "z_index": 1}], then="die")
    assert writer.wait() == -signal.SIGKILL
    (folder / "A" / "01" / "zarr.json").unlink()  # as if it had not come so far

    assert start_writer(folder, "0.5", [{"well": "B2", "z_index": 1}]).wait() == 0
    ZarrPlate(folder).finalise()

    pixels, _ = _read_as_plate(folder)
    assert pixels.shape[-2:] == (2 * 600, 2 * 640)


def test_a_pipelines_steps_have_a_plate_each(tmp_path: Path) -> None:
    output = ZarrOutput(tmp_path)
    address: Address = {"well": "A1", "site": 1}
    output.declare(step=(1, "blur"), wells=["A1"], channels=["DAPI"], z_indexes=[1])

    reference = output.write(
        {**address, "channel": "DAPI", "z_index": 1}, np.ones((5, 6), np.uint8), step=(1, "blur")
    )
    output.write(address, np.ones((5, 6), np.uint32), step=(2, "label nuclei/all"), kind="labels")
    output.finalise()

    assert reference is not None
    assert sorted(path.name for path in tmp_path.glob("*.zarr")) == [
        "Step_01_blur.zarr",
        "Step_02_label_nuclei_all.zarr",
    ]
    assert output.read(address, step=(2, "label nuclei/all")).max() == 1


def test_a_deleted_image_is_gone_and_its_neighbours_are_not(tmp_path: Path) -> None:
    filemanager = FileManager()
    paths = [tmp_path / f"A01_s1_w1_z{z}_t1.tif" for z in (1, 2)]
    filemanager.save_batch([np.ones((5, 6), np.uint8)] * 2, paths, "zarr")

    filemanager.delete(paths[0], "zarr")

    assert filemanager.list_images(tmp_path, "zarr") == paths[1:]
    assert filemanager.load(paths[1], "zarr").all()
    with pytest.raises(ImageNotFoundError):
        filemanager.load(paths[0], "zarr")


def _read_as_plate(folder: Path) -> tuple[Any, list[str]]:
    location = ome_zarr.io.parse_url(str(folder), mode="r")
    assert location is not None
    [node] = ome_zarr.reader.Reader(location)()
    return node.data[0], node.metadata["channel_names"]


@pytest.mark.parametrize("name", ["A01_s1_w1_z1_t1.tif", "no place.tif"])
def test_saving_again_with_another_dtype_or_size_replaces(name: str, tmp_path: Path) -> None:
    filemanager, path = FileManager(), tmp_path / name
    for again in (np.ones((5, 6), np.uint8), np.ones((5, 6), np.float32), np.ones((4, 4), np.uint8)):
        filemanager.save(again, path, "zarr")

        found = filemanager.load(path, "zarr")
        assert (found.shape, found.dtype) == (again.shape, again.dtype)
        assert filemanager.list_images(tmp_path, "zarr") == [path]


STACKS = [np.full((count, 5, 6), count, np.uint16) for count in (3, 5, 2, 1)]
COLOURS = [np.full((5, 6, count), count, np.uint8) for count in (3, 4, 3)]
AGAIN = pytest.mark.parametrize("again", [STACKS, COLOURS], ids=["stacks", "colours"])


@AGAIN
def test_saving_again_in_more_or_fewer_planes_replaces(again: list[Any], tmp_path: Path) -> None:
    filemanager, path = FileManager(), tmp_path / "p.zarr" / "A01_s1_w1.tif"
    for pixels in again:
        filemanager.save(pixels, path, "zarr")

        np.testing.assert_array_equal(filemanager.load(path, "zarr"), pixels)
        assert filemanager.list_images(path.parent, "zarr") == [path]


@AGAIN
def test_writing_again_in_more_or_fewer_planes_replaces(again: list[Any], tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "p.zarr")
    for pixels in again:
        plate.write({"well": "A1", "site": 1, "channel": "DAPI"}, pixels)

        found = plate.read({"well": "A1", "site": 1, "channel": "DAPI"})
        np.testing.assert_array_equal(found, pixels)


def test_images_of_one_batch_whose_names_say_one_place_do_not_replace_each_other(tmp_path: Path) -> None:
    filemanager = FileManager()
    paths = [tmp_path / "p.zarr" / name for name in ("A01_s1_w1.tif", "A1_s1_w1.tif", "A01_s1_w2.tif")]
    images = [np.full((5, 6), grey, np.uint16) for grey in (1, 2, 3)]

    filemanager.save_batch(images, paths, "zarr")

    np.testing.assert_array_equal(filemanager.load_batch(paths, "zarr"), images)
    assert set(filemanager.list_images(tmp_path / "p.zarr", "zarr")) == set(paths)


def test_a_plate_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    plate = ZarrPlate(tmp_path / "plate.zarr")
    plate.write({"well": "A1"}, np.ones((5, 6), np.uint8))
    shutil.rmtree(plate.folder)

    plate.write({"well": "A1"}, np.full((5, 6), 2, np.uint8))

    assert ZarrPlate(plate.folder).read({"well": "A1"}).max() == 2


def test_few_images_far_apart_are_a_plate_too(tmp_path: Path) -> None:
    filemanager, names = FileManager(), ("A01_s1_w1_z4000_t1.tif", "A01_s1_w1_z1_t400.tif")
    for value, name in enumerate(names, start=1):
        filemanager.save(np.full((5, 6), value, np.uint8), tmp_path / "p.zarr" / name, "zarr")
    ZarrPlate(tmp_path / "p.zarr").finalise()

    array = zarr.open_array(tmp_path / "p.zarr" / "A" / "01" / "1" / "0", mode="r")
    assert array.shape == (400, 1, 4000, 5, 6)
    assert ZarrPlate(tmp_path / "p.zarr").state().variants[""].limits == {"1": (1.0, 2.0)}


def test_contrast_limits_are_those_of_the_first_images_until_the_plate_is_made_whole(tmp_path: Path) -> None:
    filemanager, plate = FileManager(), ZarrPlate(tmp_path / "p.zarr")
    for t, value in (1, 10), (2, 900):
        image = np.full((5, 6), value, np.uint16)
        filemanager.save(image, plate.folder / f"A01_s1_w1_z1_t{t}.tif", "zarr")
    assert plate.state().variants[""].limits == {"1": (10.0, 11.0)}

    plate.finalise()

    assert plate.state().variants[""].limits == {"1": (10.0, 900.0)}


def test_later_batches_keep_the_plate_readable_as_a_whole(tmp_path: Path) -> None:
    filemanager = FileManager()
    for well, planes in ("A01", 2), ("B02", 4), ("C03", 1):
        paths = [tmp_path / f"{well}_s1_w1_z{z}_t1.tif" for z in range(1, planes + 1)]
        filemanager.save_batch([np.ones((5, 6), np.uint8)] * planes, paths, "zarr")

    pixels, _ = _read_as_plate(tmp_path / f"{tmp_path.name}.zarr")

    assert pixels.shape == (1, 1, 4, 3 * 5, 3 * 6)


def test_a_plate_that_cannot_be_made_whole_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    plates = [tmp_path / name / "p.zarr" for name in ("a", "b")]
    filemanager = FileManager()
    for folder in reversed(plates):
        filemanager.save(np.ones((5, 6), np.uint16), folder / "A01_s1_w1.tif", "zarr")
    (plates[1] / "zarr.json").write_text("{")
    ZarrPlate(plates[0]).write({"well": "A01", "site": 1, "channel": "9"}, np.ones((5, 6), np.uint16))

    with pytest.raises(UnreadableImageError):
        filemanager.close()

    assert zarr.open_array(plates[0] / "A" / "01" / "1" / "0").shape[1] == 2
