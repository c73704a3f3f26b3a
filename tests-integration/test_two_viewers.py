"""One process feeds two viewers; each gets what was sent to it and nothing else."""

import random

import numpy as np

import hcs_stream


def test_each_viewer_gets_its_own_images(viewer: hcs_stream.Viewer, data_port: int) -> None:
    with (
        hcs_stream.connect(data_port=viewer.connection.data_port) as here,
        hcs_stream.connect(data_port=data_port, persistent=False) as there,
    ):
        for number in random.sample(range(40), 40):
            stream, channel = (here, "odd") if number % 2 else (there, "even")
            stream.send(np.full((16, 16), number, "uint8"), site=number, channel=channel)
        here.flush()
        there.flush()
        other = hcs_stream.find_viewer(data_port)

    assert other is not None
    assert [(layer.name, layer.images) for layer in viewer.state().layers] == [("Channel_odd", 20)]
    assert [(layer.name, layer.images) for layer in other.state().layers] == [("Channel_even", 20)]
    other.stop()
