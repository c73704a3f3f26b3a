"""Viewers that are none: each has a connection file and answers every ping, as a real one does."""

import os
import sys
import threading
from itertools import count

import psutil
import zmq
from lanes.commands import serve
from lanes.places import free_port

from hcs_protocol import (
    PROTOCOL_VERSION,
    Connection,
    Counters,
    Ping,
    Pong,
    decode,
    encode,
    new_id,
    runtime_folders,
    start_ticks,
    write_connection,
)

LOOK_MILLISECONDS = 100
IMAGES_PER_PING = 12


class StandIn:
    """Answers on a port of its own; each time, some more images are shown."""

    def __init__(self, context: "zmq.Context[zmq.SyncSocket]", number: int) -> None:
        self._shown = count(number * 1000, IMAGES_PER_PING)
        self._viewer_run, self._title = new_id(), f"Stand-in {number}"
        public, secret = zmq.curve_keypair()
        client_public, client_secret = zmq.curve_keypair()
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = public, secret
        port = free_port()
        self.socket.bind(f"tcp://127.0.0.1:{port + 1000}")
        pid = os.getpid()
        connection = Connection(
            protocol_version=PROTOCOL_VERSION,
            viewer_run=self._viewer_run,
            title=self._title,
            host="127.0.0.1",
            data_port=port,
            control_port=port + 1000,
            requested_port=port,
            pid=pid,
            start_time=psutil.Process().create_time(),
            start_ticks=start_ticks(pid),
            public_key=public.decode(),
            client_public_key=client_public.decode(),
            client_secret_key=client_secret.decode(),
        )
        self.path = write_connection(connection, runtime_folders())

    def answer(self) -> None:
        """Answer what was asked."""
        identity, _, asked, *_ = self.socket.recv_multipart()
        question = decode(asked)
        if isinstance(question, Ping):
            shown = next(self._shown)
            pong = Pong(
                reply_to=question.id,
                viewer_run=self._viewer_run,
                title=self._title,
                state="ready",
                window_age_seconds=0.0,
                protocol_version=PROTOCOL_VERSION,
                counters=Counters(received=shown, adopted=shown, shown=shown),
            )
            self.socket.send_multipart([identity, b"", encode(pong)])


def main() -> None:
    """Be so many viewers, until standard input ends."""
    context: zmq.Context[zmq.SyncSocket] = zmq.Context()
    stand_ins = [StandIn(context, number) for number in range(1, int(sys.argv[1]) + 1)]
    is_over = threading.Event()
    thread = threading.Thread(target=_answer, args=(stand_ins, is_over))
    thread.start()
    try:
        serve({})
    finally:
        is_over.set()
        thread.join()
        for each in stand_ins:
            each.path.unlink(missing_ok=True)
        context.destroy(linger=0)


def _answer(stand_ins: list[StandIn], is_over: threading.Event) -> None:
    poller = zmq.Poller()
    for each in stand_ins:
        poller.register(each.socket, zmq.POLLIN)
    while not is_over.is_set():
        ready = dict(poller.poll(LOOK_MILLISECONDS))
        for each in stand_ins:
            if each.socket in ready:
                each.answer()


if __name__ == "__main__":
    main()
