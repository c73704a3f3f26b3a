import pytest

from hcs_protocol import names_below


@pytest.mark.parametrize(
    ("path", "folder", "names"),
    [
        ("/data/plates/7/a.tif", "/data/plates", ["7", "a.tif"]),
        ("/data//plates/./7", "/data/plates/", ["7"]),
        ("/data/plates", "/data/plates", []),
        ("/data/plates/../x", "/data/plates", ["..", "x"]),
        ("z:\\Plates\\7", "Z:/plates", ["7"]),
        ("\\\\NAS\\lab\\a.tif", "//nas/lab", ["a.tif"]),
        ("/data/Zellza\u0308hlung 1/a.tif", "/data/Zellz\u00e4hlung 1", ["a.tif"]),
        ("Z:/ZELLZ\u00c4HLUNG/a.tif", "z:\\zellza\u0308hlung", ["a.tif"]),
        ("/data/plates2/a.tif", "/data/plates", None),
        ("/DATA/plates/a.tif", "/data/plates", None),
        ("data/plates/a.tif", "/data/plates", None),
        ("/data/a.tif", "Z:/data", None),
        ("", "/", None),
    ],
)
def test_what_is_below_a_folder_is_told_by_the_text_of_its_path(
    path: str, folder: str, names: list[str] | None
) -> None:
    assert names_below(path, folder) == names
