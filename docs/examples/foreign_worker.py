"""Send one image to a running hcs viewer with nothing installed but hcs-protocol, pyzmq and numpy.

A viewer has to run already: start one with `hcs-viewer`.

    python foreign_worker.py [PORT]
"""

import sys

import numpy as np
import zmq

import hcs_protocol as hcs

port = int(sys.argv[1]) if len(sys.argv) > 1 else hcs.DATA_PORT
running = {found.data_port: found for _, found in hcs.find_connections(hcs.runtime_folders())}
if port not in running:
    sys.exit(f"no viewer runs on port {port}: start one with 'hcs-viewer --data-port {port}'")
viewer = running[port]


def connect(kind: int, viewer_port: int) -> zmq.SyncSocket:
    """Connect a socket with the keys of the connection file."""
    socket: zmq.SyncSocket = zmq.Context.instance().socket(kind)
    socket.curve_serverkey = viewer.public_key.encode()
    socket.curve_publickey = viewer.client_public_key.encode()
    socket.curve_secretkey = viewer.client_secret_key.encode()
    socket.connect(hcs.endpoint(viewer.host, viewer_port))
    return socket


control, data = connect(zmq.DEALER, viewer.control_port), connect(zmq.PUB, viewer.data_port)
hello = hcs.Hello(id="1", protocol_version=1, worker_run=hcs.new_id(), name="foreign worker")
control.send_multipart([b"", hcs.encode(hello)])
welcome = hcs.decode(control.recv_multipart()[1])
if not isinstance(welcome, hcs.Welcome):
    sys.exit(f"not welcome: {welcome}")
while not control.poll(5):  # until the viewer says Heard: a PUB that sends at once is not heard
    data.send(hcs.encode(hcs.Open(session=welcome.session)))
pixels = np.add.outer(np.arange(256), np.arange(256)).astype("<u2")
address = hcs.ImageAddress(components=hcs.Components(well="B03", channel="DAPI"))
spec, where = hcs.ImageSpec(shape=(256, 256), dtype="uint16"), hcs.FrameRef(frame=1, nbytes=pixels.nbytes)
image = hcs.ImageReady(sequence=1, address=address, spec=spec, pixels=where)
data.send_multipart([hcs.encode(hcs.Batch(session=welcome.session, oldest=1, items=[image])), pixels])
while not isinstance(answer := hcs.decode(control.recv_multipart()[1]), hcs.ImageShown):
    print(answer)
print("shown")
