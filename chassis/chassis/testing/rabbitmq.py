"""A private RabbitMQ node from Debian's rabbitmq-server, for tests.

`RABBITMQ_ROOT` names another root of Debian to take it from, with its Erlang and its libraries; deploy/make-rabbitmq-root makes one.
"""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chassis.testing.folders import kept_ports, kept_secret
from chassis.testing.server import Server

USER = "duijie"
CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 50MB
"""
WATCHED = """\
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {port}
"""


class RabbitMQ(Server):
    """A running RabbitMQ node on 127.0.0.1, with an epmd, a cookie and a random password of its own; no plugins unless watched."""

    def __init__(self, folder: Path | None, die_with_parent: bool, is_watched: bool, is_kept: bool) -> None:
        self._root = Path(os.environ.get("RABBITMQ_ROOT") or "/").absolute()
        self._script = installed_script(self._root)
        self.version = self._script.parents[1].name.removeprefix("rabbitmq_server-")
        self._is_watched = is_watched
        super().__init__(folder, die_with_parent, is_kept)
        self._ports: list[int] = []
        self._epmd: subprocess.Popen[bytes] | None = None
        self._launch()

    def url(self, vhost: str = "/") -> str:
        """Return the address of a virtual host."""
        return f"amqp://{USER}:{self._password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def create_vhost(self, name: str) -> None:
        """Create the virtual host `name`, with every right in it for the user of `url`."""
        vhost, user, everything = binary(name), binary(USER), binary(".*")
        self._ask(f"rabbit_vhost:add({vhost}, {user})")
        self._ask(f"rabbit_auth_backend_internal:set_permissions({user}, {vhost}, {everything}, {everything}, {everything}, {user})")

    def create_user(self, vhost: str, configure: str, write: str, read: str) -> str:
        """Create a user with these rights alone; return the address of `vhost` for it."""
        user, password = f"user-{secrets.token_hex(4)}", secrets.token_hex(16)
        rights = ", ".join(binary(one) for one in (configure, write, read))
        self._ask(f"rabbit_auth_backend_internal:add_user({binary(user)}, {binary(password)}, {binary(USER)})")
        self._ask(f"rabbit_auth_backend_internal:set_permissions({binary(user)}, {binary(vhost)}, {rights}, {binary(USER)})")
        return f"amqp://{user}:{password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def delete_vhost(self, name: str) -> None:
        """Delete the virtual host `name` with its queues, and close its connections."""
        self._ask(f"rabbit_vhost:delete({binary(name)}, {binary(USER)})")

    @contextmanager
    def vhost(self) -> Iterator[str]:
        """Create a virtual host, yield its name, and delete it at the end."""
        name = f"test-{secrets.token_hex(4)}"
        self.create_vhost(name)
        try:
            yield name
        finally:
            self.delete_vhost(name)

    def queues(self, vhost: str = "/") -> dict[str, int]:
        """Count the ready messages of each queue by its name, without unacknowledged ones."""
        counted: dict[str, int] = self._ask(
            "maps:from_list([{Name, element(2, rabbit_amqqueue:stat(Queue))}"
            f" || Queue <- rabbit_amqqueue:list({binary(vhost)}), {{resource, _, queue, Name}} <- [amqqueue:get_name(Queue)]])"
        )
        return counted

    def unsettled(self, vhost: str = "/") -> dict[str, int]:
        """Count the messages of each quorum queue by its name, with unacknowledged ones.

        A queue that is not up yet counts as one that has a message.
        """
        counted: dict[str, int] = self._ask(
            "maps:from_list([{Name, case ra:local_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1)"
            " of {ok, {_, Count}, _} -> Count; _ -> 1 end}"
            f" || Queue <- rabbit_amqqueue:list({binary(vhost)}), amqqueue:is_quorum(Queue),"
            " {resource, _, queue, Name} <- [amqqueue:get_name(Queue)]])"
        )
        return counted

    def settle(self) -> None:
        """
        Makes newly declared quorum queues survive `kill`. RabbitMQ 3.10 confirms messages before the name of their queue is on disk
        (rabbitmq/ra#443); it follows half a second later, and a node killed before that never finds the queue's messages again.
        """
        self._ask("dets:sync(ra_directory_reverse)")

    def freeze(self) -> None:
        """Stop the node from running, while its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)
        # It runs on for a moment, in which it would answer.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let a frozen node continue."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop the node and its epmd."""
        super().stop()
        self._end_epmd()

    def discard(self) -> None:
        """Kill the node and its epmd."""
        super().discard()
        self._end_epmd()

    def _end_epmd(self) -> None:
        if self._epmd:
            self._epmd.terminate()
            self._epmd.wait()

    def _ask(self, expression: str) -> Any:
        """Return the value of an Erlang expression inside the node, read as JSON; retry while the node is too busy to answer."""
        for _ in range(3):
            try:
                return self._ask_once(expression)
            except ConnectionError:
                time.sleep(0.5)
        return self._ask_once(expression)

    def _ask_once(self, expression: str) -> Any:
        """Raises ConnectionError when the node cannot be reached, RuntimeError when the expression fails."""
        command = ["erl_call", "-address", f"127.0.0.1:{self._node_port}", "-fetch_stdout", "-e"]
        answer = subprocess.run(
            [*over_usr(self._root), *command], env=self._environment(), check=False,
            timeout=60, input=f"io:put_chars(rabbit_json:encode({expression})).\n", capture_output=True, text=True,
        )  # fmt: skip
        text, succeeded, _ = answer.stdout.rpartition("{ok, ok}")
        if "failed to connect" in answer.stderr + answer.stdout:
            raise ConnectionError(answer.stderr)
        if not succeeded:
            raise RuntimeError(f"{expression}: {answer.stdout}{answer.stderr}")
        return json.loads(text)

    def _is_ready(self) -> bool:
        try:
            return self._ask_once("rabbit:is_booted()") is True
        except (ConnectionError, RuntimeError, json.JSONDecodeError):
            # A busy node may print an earlier answer late, before this one.
            return False

    def _prepare(self) -> list[str]:
        self._password = kept_secret(self.folder / "password")
        self._ports = self._ports or kept_ports(self.folder / "ports", 3)
        self.port, self._node_port, self._epmd_port = self._ports
        config = self.folder / "rabbitmq.conf"
        config.touch(mode=0o600)
        written = CONFIG.format(port=self.port, user=USER, password=self._password)
        if self._is_watched:
            [self.metrics_port] = kept_ports(self.folder / "metrics-port", 1)
            written += WATCHED.format(port=self.metrics_port)
        config.write_text(written)
        (self.folder / "plugins").write_text("[rabbitmq_prometheus].\n" if self._is_watched else "[].\n")
        if not self._epmd or self._epmd.poll() is not None:
            # Without an epmd the node would start one itself, as a daemon that outlives it.
            self._epmd = self._spawn(["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)])
        return [str(self._script)]

    def _as_child(self, command: list[str]) -> list[str]:
        return [*over_usr(self._root), *super()._as_child(command)]

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return super()._environment() | {
            # The script then becomes the node instead of waiting for it, so that our child is the node itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "duijie@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        }


def installed_script(root: Path) -> Path:
    """Return the start script's path as seen by a process with `root` over /usr. Raises RuntimeError when it is missing."""
    scripts = sorted((root / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    if not scripts:
        raise RuntimeError(f"RabbitMQ is not installed in {root}: apt-get install rabbitmq-server")
    return "/" / scripts[-1].relative_to(root)


def over_usr(root: Path) -> list[str]:
    """Return a command prefix that shows the /usr of `root` to the command alone, and leaves all else unchanged."""
    if root == Path("/"):
        return []
    as_whom = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *as_whom, "--mount", "--", "sh", "-c", 'mount --bind "$0/usr" /usr && exec "$@"', str(root)]


def binary(text: str) -> str:
    """Write a text as an Erlang binary."""
    return f"<<{','.join(map(str, text.encode()))}>>"


def start(
    folder: Path | None = None, *, die_with_parent: bool = True, is_watched: bool = False, is_kept: bool = True, waits: bool = True
) -> RabbitMQ:
    """Start a node from `folder`, or from a fresh temporary one; a folder keeps its ports, password and messages.

    A node with `is_watched` serves Prometheus metrics on its `metrics_port`. `is_kept=False` kills the node when it is closed, for
    messages that nobody reads any more. With `waits=False` call its `wait_until_ready` before use.

    Raises RuntimeError when RabbitMQ is not installed, does not start, or runs from this folder already.
    """
    node = RabbitMQ(folder, die_with_parent, is_watched, is_kept)
    if waits:
        node.wait_until_ready()
    return node
