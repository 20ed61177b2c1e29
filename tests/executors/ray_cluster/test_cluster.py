"""A Ray cluster's address: whether anybody is there is known before Ray is asked, which would try for minutes."""

from __future__ import annotations

import socket

import pytest

from engine.errors import TrainingError
from engine.executors.ray_cluster.cluster import reach


def test_an_address_where_nobody_listens_is_refused_at_once():
    with socket.socket() as bound:  # taken, but not listened on
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        refused = rf"--address {address}: no Ray cluster answers there \(.*refused\); start one with `ray start"
        with pytest.raises(TrainingError, match=refused):
            reach(address)


def test_one_where_somebody_listens_is_left_to_ray():
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach(f"127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize("address", [None, "", "auto", "local", "ray://127.0.0.1:1", "127.0.0.1:port"])
def test_other_ways_to_name_a_cluster_are_left_to_ray(address):
    reach(address)
