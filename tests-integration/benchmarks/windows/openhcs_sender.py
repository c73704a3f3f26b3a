"""OpenHCS's worker: its streaming backend, as its pipeline calls it; runs in an environment of its own."""

import sys
from itertools import cycle

from lanes.commands import Answer, serve
from lanes.pixels import mark, noises
from openhcs.core.config import NapariStreamingConfig
from openhcs.runtime.zmq_config import OPENHCS_ZMQ_CONFIG
from polystore.napari_stream import NapariStreamingBackend
from polystore.streaming.identity import StreamProducerIdentity
from polystore.streaming.viewer_transport import (
    BatchViewerStreamSourceMetadata,
    ExplicitViewerTransportConfig,
    ViewerStreamProducer,
    ViewerStreamRequest,
    ViewerStreamSource,
    ViewerStreamSourceIdentity,
)
from zmqruntime.config import TransportMode
from zmqruntime.viewer_protocol import ViewerTransportEndpoint

from .pacing import send_paced

SOURCES = 8
PLACE = {"well": "A01", "site": 1, "channel": 1, "z_index": 1}
PRODUCER = StreamProducerIdentity.pipeline_output(
    output_kind="main", output_key="blur", projection_key="main", step_name="blur", pipeline_position=1
)


class Sender:
    """Sends numbered images of one shape, as timepoints of one layer."""

    def __init__(self, port: str, rows: str, columns: str) -> None:
        self._port = int(port)
        self._sources = cycle(noises((int(rows), int(columns)), SOURCES))
        self._backend = NapariStreamingBackend()
        self._domain: dict[str, object] = {}

    def declare(self, count: int) -> Answer:
        """Say how many timepoints the plate has: its viewer refuses what it was not told of."""
        values = {name: [value] for name, value in PLACE.items()}
        domain = {**values, "timepoint": list(range(1, count + 1))}
        self._domain = {"component_names_metadata": {}, "component_value_domain": domain}
        return {}

    def send(self, first: int, count: int, gap: float) -> Answer:
        """Send so many images, one each ``gap`` seconds."""

        def send(number: int) -> None:
            source = next(self._sources)
            mark(source, number)
            name = f"A01_s001_w1_z001_t{number:03d}.tif"
            self._backend.save(source, name, stream_request=self._request(number))

        return {"calls": send_paced(send, first, count, gap)}

    def _request(self, number: int) -> ViewerStreamRequest:
        metadata = BatchViewerStreamSourceMetadata({**PLACE, "timepoint": number})
        return ViewerStreamRequest(
            viewer_transport=ViewerTransportEndpoint(
                port=self._port, host="localhost", transport_mode=TransportMode.default()
            ),
            display_config=NapariStreamingConfig(),
            source=ViewerStreamSource(
                # without a plate on disk, whose metadata it would read for each image
                identity=ViewerStreamSourceIdentity(microscope_handler=None, plate_path=None),
                metadata=metadata,
            ),
            producer=ViewerStreamProducer.from_identity(PRODUCER),
            transport_config=ExplicitViewerTransportConfig(OPENHCS_ZMQ_CONFIG),
            message_extra=self._domain,
        )

    def close(self) -> None:
        """Let go of its sockets."""
        self._backend.cleanup()


def main() -> None:
    """Be a worker that sends images of this shape to the viewer of this port."""
    sender = Sender(*sys.argv[1:])
    serve({"declare": sender.declare, "send": sender.send})
    sender.close()


if __name__ == "__main__":
    main()
