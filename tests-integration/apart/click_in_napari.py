"""A script for napari's own command line: does what a user's hand does, menu item by menu item.

`napari click_in_napari.py`: each line of standard input is a click on the item that begins with its words.
"""

import os
import sys
import threading
from collections.abc import Iterator

import napari
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMenu


class Hand(QObject):
    """Clicks on the window's thread, whichever thread says so."""

    clicked = Signal(str)


def items(menu: QMenu) -> Iterator[QAction]:
    """Go through all items of a menu and its submenus."""
    for action in menu.actions():
        if (submenu := action.menu()) is not None:
            yield from items(submenu)
        else:
            yield action


def click(words: str) -> None:
    """Click on the item that begins with these words; say what the user was told."""
    window = viewer.window
    if words == "close":
        print("closing", flush=True)
        viewer.close()
        return
    menus = (window.file_menu, window.plugins_menu)
    next(action for menu in menus for action in items(menu) if action.text().startswith(words)).trigger()
    told = [record.message for record in notification_manager.records]
    print(f"{len(viewer.layers)} layers: {told[-1] if told else ''}", flush=True)


def read() -> None:
    """Let each line of standard input be a click."""
    for line in sys.stdin:
        hand.clicked.emit(line.strip())


viewer = napari.Viewer()
hand = Hand()
hand.clicked.connect(click)
print(f"started {os.getpid()}", flush=True)
threading.Thread(target=read, daemon=True).start()
napari.run()
print("ended", flush=True)
