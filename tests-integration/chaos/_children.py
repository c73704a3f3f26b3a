"""Processes that a worker makes: forked in the midst of sending, or of a pool."""

import multiprocessing
import os
import select
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection

import msgspec

import hcs_stream

from ._orders import Child, Fork, Pool, WorkerOrders
from ._sender import Sender, connect, end, open_ledger

IMAGES = 40


def fork(order: Fork, orders: WorkerOrders, stream: hcs_stream.Stream, control: Connection) -> Child:
    """Fork a child; the parent returns, the child never does."""
    in_flight = stream.counters.in_flight
    pid = os.fork()
    if pid:
        return Child(pid=pid, in_flight=in_flight)
    status = 1
    try:
        status = _live(order, _child_orders(order.worker, orders), stream, control)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def run_pool_worker(order: Pool, orders: WorkerOrders) -> Child:
    """Let one process of a pool publish images and end."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as executor:
        in_flight = executor.submit(publish_in_pool, _child_orders(order.worker, orders)).result()
    return Child(in_flight=in_flight)


def publish_in_pool(orders: WorkerOrders) -> int:
    """Publish some images and return, without a word to the stream, how many are in flight."""
    stream = connect(orders)
    _publish(stream, orders)
    return stream.counters.in_flight


def _live(order: Fork, orders: WorkerOrders, stream: hcs_stream.Stream, control: Connection) -> int:
    match order.then:
        case "sends":
            stream.overflow = orders.overflow
            _publish(stream, orders)
            end(stream, open_ledger(orders), orders.patience)
        case "lingers":
            hangs_up = select.poll()
            hangs_up.register(control.fileno(), 0)  # what is said is the parent's to hear
            hangs_up.poll()
    return 0


def _publish(stream: hcs_stream.Stream, orders: WorkerOrders) -> None:
    sender = Sender(stream, open_ledger(orders), orders, orders.seed)
    for _ in range(IMAGES):
        sender.publish_some()


def _child_orders(worker: int, orders: WorkerOrders) -> WorkerOrders:
    return msgspec.structs.replace(orders, worker=worker, overflow="spill", seed=orders.seed + worker)
