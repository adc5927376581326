"""A master and workers on three hosts, and what becomes of the numbers when a link between them is cut.

The hosts are network namespaces of this test's own, each with a cable to each of two networks: on `control` the master
and its workers talk, the load goes over `load`. So a worker can be cut off from its master and go on loading, which is
the hard case: everything it does meanwhile has to be counted in the end, and once.

Needs root and iproute2. Where it is not possible to make such hosts the tests are skipped, but never when CI is set.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from tests.conftest import ROOT, Greenload, wait_until
from tests.system.conftest import BUSY

IP = shutil.which("ip")
SWITCH = "switch"
NETWORKS = {"control": "10.83.1", "load": "10.83.2"}
HOSTS = {"master": 1, "one": 2, "two": 3}
CUT_S = 8
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


class Network:
    """Hosts on two networks, all of them namespaces; the machine's own network is not touched."""

    def __init__(self, removals):
        self._prefix = f"greenload-{os.getpid()}-{secrets.token_hex(2)}"
        for host in (SWITCH, *HOSTS):
            make_namespace(self._namespace(host), removals)
        for network in NETWORKS:
            self._ip(SWITCH, "link", "add", network, "up", "type", "bridge")
        for host in HOSTS:
            self._ip(host, "link", "set", "lo", "up")
            for network in NETWORKS:
                self._connect(host, network)

    def address(self, host, network):
        return f"{NETWORKS[network]}.{HOSTS[host]}"

    def on(self, host):
        """Return what to put before a command that is to run on `host`: ip becomes that command, and keeps its pid."""
        return [IP, "netns", "exec", self._namespace(host)]

    def cut(self, host, network):
        """Pull the cable out of the switch: nobody is told, and nothing comes through."""
        self._ip(SWITCH, "link", "set", f"{host}-{network}", "down")

    def heal(self, host, network):
        self._ip(SWITCH, "link", "set", f"{host}-{network}", "up")

    def packets_from(self, host, network):
        [link] = json.loads(self._ip(host, "-j", "-s", "link", "show", network))
        return link["stats64"]["tx"]["packets"]

    def _connect(self, host, network):
        port, namespace = f"{host}-{network}", self._namespace(host)
        self._ip(SWITCH, "link", "add", port, "type", "veth", "peer", "name", network, "netns", namespace)
        self._ip(SWITCH, "link", "set", port, "master", network, "up")
        self._ip(host, "address", "add", f"{self.address(host, network)}/24", "dev", network)
        self._ip(host, "link", "set", network, "up")

    def _ip(self, host, *arguments):
        return ip("-n", self._namespace(host), *arguments)

    def _namespace(self, host):
        return f"{self._prefix}-{host}"


def ip(*arguments):
    done = subprocess.run([IP, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def make_namespace(name, removals):
    added = subprocess.run([IP, "netns", "add", name], capture_output=True, text=True)
    if added.returncode != 0:
        do_without(f"needs to be allowed to make network namespaces: {added.stderr.strip()}")
    removals.callback(ip, "netns", "delete", name)


def do_without(reason):
    """Skip the test; where CI is set fail, since a test that is always skipped proves nothing."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI this is not skipped")
    pytest.skip(reason)


class Hosts:
    """The album service and the master on one host, workers on the two others."""

    def __init__(self, network, folder, ending):
        self.network = network
        self._folder = folder
        self._ending = ending
        self._service_url = self._start_service()

    def requests(self):
        """Return how many requests the service has counted."""
        asked = [*self.network.on("master"), sys.executable, "-c", ASK, f"{self._service_url}/stats"]
        return json.loads(subprocess.check_output(asked, text=True))["requests"]

    def start_master(self, *arguments):
        self._greenload = self._greenload_on("master")
        self._greenload.write("busy.py", BUSY)
        key_file = self._greenload.write("greenload.key", self._greenload.run("key").stdout)
        key_file.chmod(0o600)
        self._key = ("--key-file", key_file)
        bind = ("--bind", f"tcp://{self.network.address('master', 'control')}:0", *self._key)
        self._master = self._started(
            self._greenload.start(
                "master", "--headless", "busy.py", "-H", self._service_url, *bind, "--expect-workers", 2,
                "--json", "out.json", "--quiet", "--log-level", "debug", *arguments,
            )
        )  # fmt: skip
        self._address = re.search(r"10\.83\.1\.1:\d+", self.wait_for_master_to_say("waiting for"))[0]

    def start_worker(self, host):
        """Start a worker that has no scenario: the master's is all there is."""
        return self._started(
            self._greenload_on(host).start("worker", "--master", self._address, "--id", host, *self._key)
        )

    def wait_for_master_to_say(self, words):
        """Return the next line of the master's log with `words` in it; fail when the run is over before."""
        said = []
        for line in self._master.stderr:
            said.append(line)
            if words in line:
                return line
        pytest.fail(f"the master never said {words!r}, but\n{''.join(said)}")

    def finish(self):
        """Wait for the end of the run; return what it came to."""
        self._master.communicate(timeout=30)
        assert self._master.returncode == 0
        return self._greenload.read_json("out.json")

    def _start_service(self):
        address = self.network.address("master", "load")
        service = self._started(
            subprocess.Popen(
                [*self.network.on("master"), sys.executable, "-m", "service", "--host", address, "--port", "0"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return re.search(r"http://\S+", service.stdout.readline())[0]

    def _greenload_on(self, host):
        folder = self._folder / host
        folder.mkdir()
        return Greenload(folder, command=(*self.network.on(host), *Greenload.command))

    def _started(self, process):
        self._ending.callback(end, process)
        return process


def end(process):
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.fixture
def hosts(tmp_path):
    if os.geteuid() != 0 or IP is None:
        do_without("needs root and ip of iproute2")
    with ExitStack() as cleanup:
        yield Hosts(Network(cleanup), tmp_path, cleanup)


def test_workers_on_two_hosts_send_what_a_service_on_a_third_counts(hosts):
    hosts.start_master("-u", 10, "-r", 100, "-t", "3s")
    workers = [hosts.start_worker("one"), hosts.start_worker("two")]

    document = hosts.finish()

    sums = document["reconciliation"]
    assert sums["sent"] == hosts.requests() == sums["succeeded"] > 300
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert sorted((each["id"], each["users"]) for each in document["workers"]) == [("one", 5), ("two", 5)]
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


def test_a_worker_that_loads_on_while_its_link_to_the_master_is_cut_is_welcomed_back_and_counted_once(hosts):
    hosts.start_master("-u", 8, "-r", 100, "-t", "18s")
    workers = [hosts.start_worker("one"), hosts.start_worker("two")]
    wait_until(lambda: hosts.requests() > 200)

    hosts.network.cut("one", "control")
    healed_s = time.monotonic() + CUT_S
    hosts.wait_for_master_to_say("worker one is stalled")
    hosts.wait_for_master_to_say("worker one is lost")
    packets_when_lost = hosts.network.packets_from("one", "load")
    time.sleep(max(0.0, healed_s - time.monotonic()))
    packets_unheard = hosts.network.packets_from("one", "load") - packets_when_lost
    hosts.network.heal("one", "control")
    hosts.wait_for_master_to_say("worker one is running")
    document = hosts.finish()

    sums = document["reconciliation"]
    assert packets_unheard > 100
    assert sums["sent"] == hosts.requests() == sums["succeeded"]
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert sums["missing"] == []
    # All users lived on the other one for a while.
    assert sorted((each["id"], each["users"]) for each in document["workers"]) == [("one", 4), ("two", 8)]
    assert {each["state"] for each in document["workers"]} == {"done"}
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
