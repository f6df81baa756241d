"""The broker's settings that the tests rely on, told once for the local broker and the container."""

from __future__ import annotations

from collections.abc import Sequence

VERSION = "4.1.0"


def broker_settings(listener_port: int, controller_port: int, data: str) -> dict[str, str]:
    """Settings (server.properties) of a cluster of one on 127.0.0.1: KRaft, no automatic topics, sessions of 6 s, two heartbeats
    a second.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://:{listener_port},CONTROLLER://:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{listener_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@localhost:{controller_port}",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "group.consumer.min.session.timeout.ms": "6000",
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.heartbeat.interval.ms": "500",
        "group.consumer.heartbeat.interval.ms": "500",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
    }


def cluster_settings(number: int, hosts: Sequence[tuple[str, int, int]], data: str) -> dict[str, str]:
    """Settings of the broker ``number`` (from 0) of a cluster on ``hosts``: each its address, its port and its controller's.
    Every topic has three replicas, and what two of them have counts as written.
    """
    address, port, controller_port = hosts[number]
    return broker_settings(port, controller_port, data) | {
        "node.id": str(number + 1),
        "listeners": f"PLAINTEXT://{address}:{port},CONTROLLER://{address}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{address}:{port}",
        "controller.quorum.voters": ",".join(
            f"{voter}@{host}:{controller}" for voter, (host, _, controller) in enumerate(hosts, 1)
        ),
        "default.replication.factor": "3",
        "min.insync.replicas": "2",
        "offsets.topic.replication.factor": "3",
        "transaction.state.log.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
    }
