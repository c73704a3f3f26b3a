"""The dock below napari's own: where the sliders stand, where to go, and what follows what."""

import logging
from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from hcs_protocol import COMPONENTS, plain_text

from ._axes import Value
from ._jump_box import JumpBox
from ._layer_models import LayerModel
from ._window import Window
from ._words import WORDS, step_words, value_words

logger = logging.getLogger(__name__)

DOCK_NAME = "Navigation"
LABEL_WIDTH = 110
"""Pixels; longer names are cut in the middle, and told by the tooltip."""
STEP_WIDTH = 190

FOLLOW_KEY, SIDE_BY_SIDE_KEY, LINK_KEY, JUMP_KEY = "N", "G", "U", "J"
"""Free in napari, whichever layer is selected."""

FOLLOW_TIP = (
    "Go to the newest position as soon as all its channels are there; z stays where it is.\n"
    f"A hand on a slider pauses it, key {FOLLOW_KEY} goes on."
)
SIDE_BY_SIDE_TIP = (
    "Show every step of the run in a cell of its own, at the same position and with the same camera.\n"
    f"Key {SIDE_BY_SIDE_KEY}; a second time puts layers and camera back as they were."
)
LINK_TIP = (
    "Without the tick the step of the selected layer stays where it is while the sliders move the others.\n"
    f"Key {LINK_KEY}; select a layer of another step to link or unlink that one."
)


class Navigation(QWidget):
    """The dock: a line per axis with more than one value, and three check boxes."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window
        self._labels: dict[str, QLabel] = {}
        self._boxes: dict[str, JumpBox] = {}
        self.follow = self._check_box(FOLLOW_TIP, self._turn_follow)
        self.side_by_side = self._check_box(SIDE_BY_SIDE_TIP, self._turn_side_by_side)
        self.link = self._check_box(LINK_TIP, self._turn_link)
        self.side_by_side.setText(f"Steps side by side  [{SIDE_BY_SIDE_KEY}]")
        self._lay_out()
        self._bind_keys()
        window.sliders.watch(lambda _: self.update_rows())
        window.follow.changed = self.update_checks
        window.viewer.dims.events.ndisplay.connect(self.update_rows)
        window.viewer.layers.selection.events.active.connect(self.update_checks)
        self.update_rows()

    def box(self, component: str) -> JumpBox:
        """Return the list of a component's values."""
        return self._boxes[component]

    def label(self, component: str) -> QLabel:
        """Return the label that says where a component's slider stands."""
        return self._labels[component]

    def dock(self) -> None:
        """Put the dock below napari's own, on the left, also if somebody has closed or hidden it."""
        if (holder := self.parentWidget()) is not None:
            holder.show()
        else:
            self._window.viewer.window.add_dock_widget(
                self, name=DOCK_NAME, area="left", add_vertical_stretch=False, tabify=False
            )
            self.show()  # a widget that was taken out is hidden

    def update_rows(self) -> None:
        """Say where the sliders stand now."""
        window = self._window
        displayed = window.sliders.displayed
        for component, axis in window.layout.axes.items():
            label, box = self._labels[component], self._boxes[component]
            has_choice = len(axis) > 1 and component not in displayed
            if has_choice == box.isHidden():
                label.setVisible(has_choice)
                box.setVisible(has_choice)
            if has_choice:
                words = value_words(component, window.sliders.at[component])
                label.setText(_cut(label, words, LABEL_WIDTH))
                label.setToolTip(plain_text(f"{WORDS[component]}: {words}"))
                box.stand_at(window.sliders.at[component])
        self.update_checks()

    def update_checks(self) -> None:
        """Say what is followed, and what is linked, now."""
        follow, pins = self._window.follow, self._window.pins
        paused = " – paused" if follow.is_paused else ""
        self.follow.setText(f"Follow newest{paused}  [{FOLLOW_KEY}]")
        self.follow.setChecked(follow.is_following)
        self.side_by_side.setChecked(self._window.side_by_side.is_on)
        model = self._selected()
        step = "steps" if model is None or model.key.step is None else step_words(model.key.step)
        self.link.setText(f"Link {_cut(self.link, step, STEP_WIDTH)}  [{LINK_KEY}]")
        self.link.setEnabled(model is not None)
        self.link.setChecked(model is None or not pins.is_pinned(model))

    def _lay_out(self) -> None:
        rows = QGridLayout()
        rows.setColumnStretch(1, 1)
        for place, component in enumerate(COMPONENTS):
            label, box = QLabel(), JumpBox(self._window.layout.axes, component)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setMinimumWidth(LABEL_WIDTH // 2)
            box.setToolTip(_jump_tip(component))
            box.chosen.connect(lambda value, c=component: self._go_to(c, value))
            for column, widget in enumerate((label, box)):
                widget.setVisible(False)
                rows.addWidget(widget, place, column)
            self._labels[component], self._boxes[component] = label, box
        layout = QVBoxLayout(self)
        layout.addLayout(rows)
        for check_box in (self.follow, self.side_by_side, self.link):
            layout.addWidget(check_box)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _check_box(self, tip: str, act: Callable[[bool], None]) -> QCheckBox:
        check_box = QCheckBox()
        check_box.setToolTip(tip)
        check_box.clicked.connect(act)
        return check_box

    def _bind_keys(self) -> None:
        for key, act in (
            (FOLLOW_KEY, lambda _: self._turn_follow(not self._window.follow.is_following)),
            (SIDE_BY_SIDE_KEY, lambda _: self.side_by_side.click()),
            (LINK_KEY, lambda _: self.link.click()),
            (JUMP_KEY, lambda _: self._jump()),
        ):
            try:
                self._window.viewer.bind_key(key, act)
            except ValueError:  # the user's own, who can still click
                logger.info("key taken key=%s", key)

    def _go_to(self, component: str, value: Value) -> None:
        self._window.sliders.go_to({component: value}, by_hand=True)

    def _jump(self) -> None:
        if not self.isVisible():
            self.dock()
        shown = [self._boxes[c] for c in ("well", "site", *COMPONENTS) if not self._boxes[c].isHidden()]
        if shown:
            shown[0].take_focus()

    def _turn_follow(self, is_on: bool) -> None:
        self._window.follow.turn(is_on)
        self._window.frames.want()

    def _turn_side_by_side(self, is_on: bool) -> None:
        side_by_side = self._window.side_by_side
        (side_by_side.turn_on if is_on else side_by_side.turn_off)()
        self.update_checks()

    def _turn_link(self, is_linked: bool) -> None:
        if model := self._selected():
            pins = self._window.pins
            (pins.unpin if is_linked else pins.pin)(model)
        self.update_checks()

    def _selected(self) -> LayerModel | None:
        """Return the selected layer, or else the topmost that is seen."""
        layers = self._window.shown.from_bottom()
        active = self._window.viewer.layers.selection.active
        chosen = [shown for shown in layers if shown.layer is active]
        visible = [shown for shown in layers if shown.layer.visible]
        return next((shown.model for shown in reversed(chosen or visible)), None)


def add_navigation(window: Window) -> Navigation:
    """Give a window its dock."""
    navigation = Navigation(window)
    navigation.dock()
    return navigation


def _jump_tip(component: str) -> str:
    if component == "well":
        return f"Key {JUMP_KEY}, then type a well and press Enter: b3 and B03 are the same."
    return f"Type a {WORDS[component]} and press Enter, or choose one; Escape gives up."


def _cut(widget: QWidget, text: str, width: int) -> str:
    return widget.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, width)
