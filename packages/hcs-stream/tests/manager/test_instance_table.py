"""The list as Qt's model: what is painted anew, and what can be dropped where."""

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import QMimeData, QModelIndex, Qt
from qtpy.QtGui import QPalette
from qtpy.QtTest import QAbstractItemModelTester
from seen_window import FROZEN, GONE, STARTING, WELL, SeenWindow

from hcs_stream.manager._image_model import images_mime
from hcs_stream.manager._instance_table import COLUMNS, InstanceTable, rate, size

WAITING, SHOWN = 4, 5


class Changes:
    """A model, and what it says has changed."""

    def __init__(self) -> None:
        self.model = InstanceTable(QPalette)
        self.cells: list[tuple[int, int, int, int]] = []
        self.rows: list[str] = []
        self.model.dataChanged.connect(self._note)
        self.model.rowsInserted.connect(lambda parent, first, last: self.rows.append(f"+{first}"))
        self.model.rowsRemoved.connect(lambda parent, first, last: self.rows.append(f"-{first}"))

    def _note(self, first: QModelIndex, last: QModelIndex) -> None:
        self.cells.append((first.row(), first.column(), last.row(), last.column()))

    def clear(self) -> None:
        """Forget."""
        self.cells.clear()
        self.rows.clear()


@pytest.fixture
def changes(qapp: Any) -> Changes:
    """A model that is watched."""
    return Changes()


@pytest.fixture
def instance(connection: Any) -> Callable[..., Any]:
    """Make a line of the list."""
    made = SeenWindow.__new__(SeenWindow)
    made._connection = connection
    return made.instance


def test_the_model_keeps_qts_rules(changes: Changes, instance: Any) -> None:
    tester = QAbstractItemModelTester(changes.model, QAbstractItemModelTester.FailureReportingMode.Fatal)

    for ports in ((5555, 5557), (5555, 5556, 5557), (5556,), (), (5558,)):
        changes.model.show_instances([instance(port) for port in ports])

    assert [each.data_port for each in changes.model.instances] == [5558]
    tester.deleteLater()


def test_nothing_is_painted_anew_if_nothing_changed(changes: Changes, instance: Any) -> None:
    lines = [instance(5555), instance(5556, STARTING)]
    changes.model.show_instances(lines)
    changes.clear()

    changes.model.show_instances(list(lines))

    assert (changes.cells, changes.rows) == ([], [])


def test_only_what_changed_is_painted_anew(changes: Changes, instance: Any) -> None:
    changes.model.show_instances([instance(5555), instance(5556)])
    changes.clear()

    changes.model.show_instances([instance(5555), instance(5556, shown=121, waiting=1)])

    assert changes.cells == [(1, WAITING, 1, SHOWN)]


def test_a_line_that_gets_ill_is_painted_anew_as_a_whole(changes: Changes, instance: Any) -> None:
    changes.model.show_instances([instance(5555), instance(5556)])
    changes.clear()

    changes.model.show_instances([instance(5555, FROZEN), instance(5556)])

    assert changes.cells == [(0, 0, 0, len(COLUMNS) - 1)]


def test_viewers_that_come_and_go_leave_the_others_lines_alone(changes: Changes, instance: Any) -> None:
    changes.model.show_instances([instance(5555), instance(5557)])
    changes.clear()

    changes.model.show_instances([instance(5556), instance(5557)])

    assert (changes.rows, changes.cells) == (["-0", "+0"], [])


def test_images_are_dropped_on_viewers_that_can_take_them(changes: Changes, instance: Any) -> None:
    changes.model.show_instances([instance(5555), instance(5556, GONE)])
    images, text = images_mime(), QMimeData()
    text.setText("some")
    targets: list[Any] = []
    changes.model.dropped.connect(targets.append)

    def drop(what: QMimeData, row: int) -> bool:
        return changes.model.dropMimeData(
            what, Qt.DropAction.CopyAction, -1, -1, changes.model.index(row, 0) if row >= 0 else QModelIndex()
        )

    assert [drop(images, 0), drop(images, 1), drop(text, 0), drop(images, -1)] == [True, False, False, False]
    assert [target.data_port for target in targets] == [5555]


def test_a_title_is_never_read_as_rich_text(changes: Changes, instance: Any) -> None:
    changes.model.show_instances([instance(title="<img src=x>\nsecond line")])
    index = changes.model.index(0, 2)

    assert index.data() == "<img src=x> second line"
    assert "&lt;img" in index.data(Qt.ItemDataRole.ToolTipRole)


def test_each_cell_can_be_read_out(changes: Changes, instance: Any) -> None:
    changes.model.show_instances([instance(condition=WELL, shown=1234)])

    said = changes.model.index(0, SHOWN).data(Qt.ItemDataRole.AccessibleTextRole)

    assert said == "Shown: 1\N{THIN SPACE}234"


@pytest.mark.parametrize(
    ("per_second", "said"), [(None, ""), (0.0, "0/s"), (0.42, "0.4/s"), (3.46, "3.5/s"), (120.4, "120/s")]
)
def test_rates_are_short(per_second: float | None, said: str) -> None:
    assert rate(per_second) == said


@pytest.mark.parametrize(
    ("nbytes", "said"), [(None, ""), (530 << 20, "530 MB"), (1 << 30, "1.0 GB"), (12 << 30, "12.0 GB")]
)
def test_sizes_are_short(nbytes: int | None, said: str) -> None:
    assert size(nbytes) == said
