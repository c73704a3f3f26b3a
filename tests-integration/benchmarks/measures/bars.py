"""What our ratios are to be at most."""

BARS = {
    "put_8mb_x_memcpy": 1.15,
    "publish_lent_x_bare_send": 3.0,
    "reader_view_8mb_x_memcpy": 0.01,
    "flood_8mb_x_iceoryx2": 1.05,
    "flood_256kb_x_iceoryx2": 1.5,
    "flood_8mb_x_sharedmemory_per_image": 0.12,
    "latency_lent_8mb_x_bare_zmq": 2.5,
    "latency_lent_8mb_x_256kb": 1.3,
    "spill_p99_x_bare_pwrite": 2.0,
    "send_to_3_viewers_x_1": 1.3,
    "frozen_third_x_two": 1.1,
    "drop_oldest_p99_x_put": 3.0,
}

WINDOW_BARS = {
    "cost_image_1000_x_image_100": 1.2,
    "cost_image_6000_x_image_100": 1.3,
    "first_image_visible_x_add_image": 2.0,
    "image_visible_p50_x_refresh_paint": 2.0,
    "gui_timer_16ms_p99_x_paint": 2.5,
    "rss_x_pixels": 1.25,
    "rss_minus_budget_mb": 300.0,
}
"""The same, of real windows."""

REMOTE_BARS = {"plain_x_zmq_raw": 1.15, "curve_x_zmq_raw_curve": 1.15}
"""The same, of pixels as frames; ``images_per_s_x_uncompressed_limit`` is to be at least 2."""

PIPELINE_BARS = {
    "stream_share": 0.02,
    "streaming_slowdown": 1.05,
    "trivial_step_slowdown": 1.3,
    "parse_100k_x_scandir": 10.0,
}
"""The same, of a whole pipeline; the slowdown may be greater by ``aa_spread``."""

START_BARS = {"first_image_x_bare_napari": 1.1, "warm_x_bare_napari": 0.15}
"""The same, of starts."""

MANAGER_BARS = {"open_stall_x_paint": 3.0, "scroll_stall_x_paint": 3.0, "select_stall_x_paint": 3.0}
"""The same, of the manager's window."""
