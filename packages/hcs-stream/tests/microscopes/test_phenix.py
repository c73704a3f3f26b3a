"""Opera Phenix and Operetta: the plate's index in both dialects, and what becomes of a bad one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hcs_stream.microscopes import Plate, open_plate

Touch = Callable[..., Path]

HARMONY_4 = """<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData Version="1" xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
  <Plates><Plate><PlateID>P7</PlateID><Name>Assay 7</Name></Plate></Plates>
  <Wells><Well><id>0101</id><Image id="0101K1F1P1R1" /></Well></Wells>
  <Images>{images}</Images>
</EvaluationInputData>"""
IMAGE_4 = """<Image Version="1">
  <URL>r01c01f01p{plane:02d}-ch{channel}sk1fk1fl1.tiff</URL><Row>1</Row><Col>1</Col><FieldID>1</FieldID>
  <PlaneID>{plane}</PlaneID><TimepointID>0</TimepointID><ChannelID>{channel}</ChannelID>
  <ChannelName>{name}</ChannelName>
  <ImageResolutionX Unit="m">2E-07</ImageResolutionX><ImageResolutionY Unit="m">3E-07</ImageResolutionY>
  <PositionZ Unit="m">{z}</PositionZ><MainEmissionWavelength Unit="nm">{emission}</MainEmissionWavelength>
</Image>"""
HARMONY_5 = """<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData Version="2" xmlns="43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7">
  <Plates><Plate><PlateID>Assay 7</PlateID></Plate></Plates>
  <Maps><Map>
    <Entry ChannelID="1"><FlatfieldProfile>{Channel: 1}</FlatfieldProfile></Entry>
  </Map><Map>
    <Entry ChannelID="1"><ChannelName>HOECHST 33342</ChannelName>
      <ImageResolutionX Unit="m">2E-07</ImageResolutionX><ImageResolutionY Unit="m">3E-07</ImageResolutionY>
      <MainEmissionWavelength Unit="nm">456</MainEmissionWavelength></Entry>
    <Entry ChannelID="2"><ChannelName>Alexa 488</ChannelName>
      <MainEmissionWavelength Unit="nm">522</MainEmissionWavelength></Entry>
  </Map></Maps>
  <Images>
    <Image Version="1"><Row>1</Row><Col>1</Col><FieldID>1</FieldID><PlaneID>1</PlaneID>
      <ChannelID>1</ChannelID><PositionZ Unit="m">-1E-06</PositionZ></Image>
    <Image Version="1"><Row>1</Row><Col>1</Col><FieldID>1</FieldID><PlaneID>3</PlaneID>
      <ChannelID>1</ChannelID><PositionZ Unit="m">4E-06</PositionZ></Image>
  </Images>
</EvaluationInputData>"""
NAMES = [f"r01c01f01p{plane:02d}-ch{channel}sk1fk1fl1.tiff" for plane in (1, 3) for channel in (1, 2)]


def harmony_4() -> str:
    images = [
        IMAGE_4.format(plane=plane, channel=channel, name=name, emission=emission, z=(plane - 1) * 2.5e-6)
        for plane in (1, 3)
        for channel, name, emission in ((1, "HOECHST 33342", 456), (2, "Alexa 488", 522))
    ]
    return HARMONY_4.format(images="".join(images))


def make_plate(folder: Path, index: str, *, name: str = "Index.idx.xml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for image in NAMES:
        (folder / image).touch()
    (folder / name).write_text(index, encoding="utf-8")
    return folder


def test_a_real_plate_has_its_named_channels_and_its_pixel_size(
    open_real_plate: Callable[[str], Plate],
) -> None:
    plate = open_real_plate("opera-phenix-v5")

    assert (plate.maker, plate.name, len(plate.images)) == ("Opera Phenix", "BR00122249", 6)
    assert [image.channel for image in plate.images] == [
        "488 650",
        "Alexa 488",
        "Alexa 568",
        "Alexa 647",
        "Brightfield high",
        "Digital Phase Contrast",
    ]
    assert plate.pixel_size == pytest.approx((0.59797608, 0.59797608))
    assert plate.wavelengths == {"488 650": 706, "Alexa 488": 522, "Alexa 568": 599, "Alexa 647": 706}
    assert plate.unparsed == ()


@pytest.mark.parametrize(
    ("index", "name"),
    [(harmony_4(), "Index.idx.xml"), (HARMONY_5, "Index.xml"), (HARMONY_5, "INDEX.XML")],
)
def test_both_dialects_of_the_index_say_the_same(tmp_path: Path, index: str, name: str) -> None:
    make_plate(tmp_path / "Images", index, name=name)

    plate = open_plate(tmp_path)

    assert plate.name == "Assay 7"
    assert {image.channel for image in plate.images} == {"HOECHST 33342", "Alexa 488"}
    assert plate.pixel_size == pytest.approx((0.3, 0.2))
    assert plate.z_step == 2.5
    assert plate.wavelengths == {"HOECHST 33342": 456, "Alexa 488": 522}


@pytest.mark.parametrize("folder", [".", "Images", "hs/6f2e/images/r01c01"])
def test_images_and_index_lie_in_one_folder_or_in_two(tmp_path: Path, folder: str) -> None:
    make_plate(tmp_path / folder, HARMONY_5)
    (tmp_path / folder / "Index.idx.xml").rename(tmp_path / "Index.xml")

    assert {image.channel for image in open_plate(tmp_path).images} == {"HOECHST 33342", "Alexa 488"}


def test_an_index_beside_the_images_folder_is_found(tmp_path: Path) -> None:
    make_plate(tmp_path / "Images", HARMONY_5)
    (tmp_path / "Meta").mkdir()
    (tmp_path / "Images/Index.idx.xml").rename(tmp_path / "Meta/Index.xml")

    assert open_plate(tmp_path).name == "Assay 7"


def test_an_image_that_the_index_does_not_know_keeps_its_number(tmp_path: Path) -> None:
    make_plate(tmp_path, HARMONY_5)
    (tmp_path / "r09c01f01p01-ch7sk1fk1fl1.tiff").touch()

    plate = open_plate(tmp_path)

    assert [(image.well, image.channel) for image in plate.images][-1] == ("I01", "7")


def test_without_an_index_the_plate_is_named_after_its_folder(touch: Touch) -> None:
    folder = touch("Meas_1/Images/r01c02f03p04-ch5sk6fk1fl1.tiff") / "Meas_1"

    for place in (folder, folder / "Images"):
        plate = open_plate(place)

        assert (plate.name, plate.images[0].plate, plate.images[0].channel) == ("Meas_1", "Meas_1", "5")
        assert (plate.pixel_size, plate.z_step, plate.wavelengths) == (None, None, {})


def test_an_index_that_is_cut_off_gives_what_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = harmony_4()
    make_plate(tmp_path, whole[: whole.index("Alexa 488")])

    plate = open_plate(tmp_path)

    assert {image.channel for image in plate.images} == {"HOECHST 33342", "2"}
    assert plate.unparsed == (tmp_path / "Index.idx.xml",)
    assert "metadata unreadable" in caplog.text


@pytest.mark.parametrize("index", ["", "no XML", "<a>", "<?xml version='1.0' encoding='nonsense'?><a/>"])
def test_an_index_that_is_none_hides_no_image(tmp_path: Path, index: str) -> None:
    plate = open_plate(make_plate(tmp_path, index))

    assert len(plate.images) == 4
    assert plate.unparsed == (tmp_path / "Index.idx.xml",)


def test_an_index_does_not_unfold_to_gigabytes(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "boom">{entities}]><x><Plate><Name>&e11;</Name></Plate></x>'

    plate = open_plate(make_plate(tmp_path, bomb))

    assert len(plate.images) == 4
    assert plate.unparsed == (tmp_path / "Index.idx.xml",)


def test_channels_of_one_name_keep_their_numbers(tmp_path: Path) -> None:
    index = HARMONY_5.replace("HOECHST 33342", "Alexa 488")

    assert {image.channel for image in open_plate(make_plate(tmp_path, index)).images} == {"1", "2"}


def test_two_measurements_of_a_plate_are_told_apart(tmp_path: Path) -> None:
    for measurement in ("Meas_1", "Meas_2"):
        make_plate(tmp_path / measurement / "Images", HARMONY_5)

    plate = open_plate(tmp_path)

    assert {image.plate for image in plate.images} == {"Assay 7 (Meas_1)", "Assay 7 (Meas_2)"}
    assert len(plate.images) == 8


def test_each_plate_of_a_folder_has_its_own_channels(tmp_path: Path) -> None:
    make_plate(tmp_path / "a/Images", HARMONY_5)
    other = HARMONY_5.replace("Assay 7", "Assay 8").replace("Alexa 488", "GFP")
    make_plate(tmp_path / "b/Images", other)

    found = {(image.plate, image.channel) for image in open_plate(tmp_path).images}

    assert found == {
        ("Assay 7", "HOECHST 33342"),
        ("Assay 7", "Alexa 488"),
        ("Assay 8", "HOECHST 33342"),
        ("Assay 8", "GFP"),
    }


def test_a_large_index_is_read_no_further_than_needed(tmp_path: Path) -> None:
    start = harmony_4()
    make_plate(tmp_path, start[: start.index("</Images>")] + "<Image>" * 3)  # never ends

    plate = open_plate(tmp_path)

    assert plate.z_step == 2.5
    assert plate.unparsed == ()


def test_lengths_that_are_zero_or_negative_are_not_handed_on(tmp_path: Path) -> None:
    index = harmony_4().replace("2E-07", "0").replace("456", "0").replace(">5e-06<", ">-5e-06<")
    assert index.count(">-5e-06<") == 2

    plate = open_plate(make_plate(tmp_path, index))

    assert (plate.pixel_size, plate.z_step) == (None, 2.5)
    assert plate.wavelengths == {"Alexa 488": 522}
