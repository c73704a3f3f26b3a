"""What is done to the link between workers and a viewer while both live."""

from ._stage import Stage


def cut_link(stage: Stage) -> None:
    """Drop both channels, and every new connection for a while."""
    stage.aim(stage.any_worker())
    proxy = stage.proxies[stage.any_port()]
    proxy.do(proxy.data.cut, proxy.control.cut)
    stage.last(0.0, 3.0)
    proxy.do(proxy.data.heal, proxy.control.heal)


def cut_data_link(stage: Stage) -> None:
    """Drop the data channel alone."""
    stage.aim(stage.any_worker())
    proxy = stage.proxies[stage.any_port()]
    proxy.do(proxy.data.cut)
    stage.last(0.0, 2.0)
    proxy.do(proxy.data.heal)


def silence_link(stage: Stage) -> None:
    """Pass nothing on though all connections stay; then go on, or drop what waited."""
    stage.aim(stage.any_worker())
    proxy = stage.proxies[stage.any_port()]
    proxy.do(proxy.data.fall_silent, proxy.control.fall_silent)
    stage.last(0.5, 5.0)
    if stage.random.random() < 0.5:
        proxy.do(proxy.data.cut, proxy.control.cut)
    proxy.do(proxy.data.heal, proxy.control.heal)


def silence_data_link(stage: Stage) -> None:
    """Pass nothing on of the data channel alone."""
    stage.aim(stage.any_worker())
    proxy = stage.proxies[stage.any_port()]
    proxy.do(proxy.data.fall_silent)
    stage.last(0.5, 4.0)
    proxy.do(proxy.data.heal)
