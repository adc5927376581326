"""The files in deploy/: their engines accept them, greenload understands their command lines, and they agree.

No engine is asked. What Compose and Kubernetes accept is in their published schemas (tests/schemas/README.md), and the
command lines are parsed by the program they call, which is not run.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from greenload.cli import main
from greenload.core.errors import GreenloadError
from greenload.key import JoinKey
from greenload.version import VERSION
from service.command import main as serve_albums

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
SCHEMAS = ROOT / "tests" / "schemas"
PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()

# Below these a key is a name that somebody chose, and any is right.
CHOSEN = {
    "depends_on", "labels", "limits", "matchLabels", "requests", "secrets", "selector", "services", "ulimits",
    "volumes", "x-container",
}  # fmt: skip


@dataclass(frozen=True)
class Container:
    """What one container runs, and what it finds there, whichever engine starts it."""

    name: str
    image: str
    words: list[str]
    user: str
    is_hardened: bool
    limits: dict[str, Any]
    grace_s: float
    writable: set[str] = field(default_factory=set)
    key_file: str | None = None

    def parse(self, key_file: Path) -> dict[str, Any]:
        """Return the values that its program reads from the command line; the key is in `key_file`."""
        return parse([str(key_file) if word == self.key_file else word for word in self.options()])

    def options(self) -> list[str]:
        """Its words, each option apart from its value."""
        return [part for word in self.words for part in (word.split("=", 1) if word.startswith("--") else [word])]


def parse(words: list[str]) -> dict[str, Any]:
    """Parse a command line as the program that it names would."""
    if words[:3] == ["python", "-m", "service"]:
        return serve_albums.make_context("service", words[3:]).params
    assert words[0] == "greenload"
    program = click.Context(main, info_name="greenload", **main.context_settings)
    command = main.get_command(program, words[1])
    assert command is not None, words[1]
    return command.make_context(words[1], words[2:], parent=program).params


def instruction(name: str) -> list[str]:
    """Return the words of the Dockerfile's last such instruction."""
    return json.loads(re.findall(rf"^{name} (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])


def compose() -> dict[str, Any]:
    """Return the Compose file, its variables at their defaults."""
    return yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text()))


def manifests() -> dict[str, dict[str, Any]]:
    """Return each Kubernetes object by its kind and name."""
    texts = [path.read_text() for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
    found = [document for text in texts for document in yaml.safe_load_all(text)]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


COMPOSE = compose()
MANIFESTS = manifests()
DOCUMENTS = {"compose": COMPOSE, **MANIFESTS}


def composed() -> Iterator[Container]:
    for name, service in COMPOSE["services"].items():
        mounts = [volume.split(":") for volume in service.get("volumes", [])]
        yield Container(
            name=f"compose/{name}",
            image=service["image"],
            words=service.get("entrypoint", instruction("ENTRYPOINT")) + service["command"],
            user=service["user"].partition(":")[0],
            is_hardened=service["read_only"] and service["cap_drop"] == ["ALL"]
            and service["security_opt"] == ["no-new-privileges:true"],
            limits=service["deploy"]["resources"]["limits"],
            grace_s=float(service.get("stop_grace_period", "10s").removesuffix("s")),
            writable={mount[1] for mount in mounts if "ro" not in mount[2:]}
            | {tmpfs.partition(":")[0] for tmpfs in service["tmpfs"]},
            key_file="".join(f"/run/secrets/{secret}" for secret in service.get("secrets", [])) or None,
        )  # fmt: skip


def scheduled() -> Iterator[Container]:
    for name, document in MANIFESTS.items():
        if document["kind"] == "Service":
            continue
        pod = document["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        security, rights = pod["securityContext"], container["securityContext"]
        secret = next((path for path, volume in mounted.items() if "secret" in volume), None)
        yield Container(
            name=name,
            image=container["image"],
            words=container.get("command", instruction("ENTRYPOINT")) + expanded(container),
            user=str(security["runAsUser"]) if security["runAsNonRoot"] else "0",
            is_hardened=rights["readOnlyRootFilesystem"] and rights["capabilities"] == {"drop": ["ALL"]}
            and rights["allowPrivilegeEscalation"] is False,
            limits=container["resources"]["limits"],
            grace_s=pod.get("terminationGracePeriodSeconds", 30),
            writable={path for path, volume in mounted.items() if "emptyDir" in volume},
            key_file=secret and f"{secret}/greenload_key",
        )  # fmt: skip


def expanded(container: dict[str, Any]) -> list[str]:
    """Return the arguments of a container, each $(VARIABLE) replaced by where Kubernetes takes it from."""
    sources = {each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"] for each in container.get("env", [])}
    return [re.sub(r"\$\((\w+)\)", lambda found: sources[found[1]], word) for word in container["args"]]


CONTAINERS = {each.name: each for each in (*composed(), *scheduled())}
FLEETS = [
    pytest.param("compose/master", "compose/worker", id="compose"),
    pytest.param("Deployment/greenload-master", "Job/greenload-workers", id="kubernetes"),
]
each_container = pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "greenload.key"
    path.touch(mode=0o600)
    path.write_text(f"{JoinKey.new()}\n")
    return path


@cache
def schema_of(kind: str | None) -> Draft202012Validator:
    """Return what a Kubernetes object of this kind must look like; without a kind, a Compose file."""
    if kind is None:
        return Draft202012Validator(json.loads((SCHEMAS / "compose-spec.json").read_text()))
    kubernetes = json.loads((SCHEMAS / "kubernetes-1.37.json").read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": kubernetes["$defs"]})


def mistakes_in(document: dict[str, Any]) -> list[str]:
    """Return what the engine's schema says against a document."""
    return [f"{error.json_path}: {error.message}" for error in schema_of(document.get("kind")).iter_errors(document)]


def keys_in(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """The path of each key whose name is not ours to choose."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from keys_in(each, *path, index)
    elif isinstance(value, dict):
        for key, each in value.items():
            if not path or path[-1] not in CHOSEN:
                yield (*path, key)
            yield from keys_in(each, *path, key)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_engine_accepts_the_file(document: dict[str, Any]):
    assert mistakes_in(document) == []


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_no_key_can_be_misspelt_without_being_noticed(document: dict[str, Any]):
    keys = [path for path in keys_in(document) if path[0] not in ("kind", "x-container")]

    for *path, key in keys:
        misspelt = copy.deepcopy(document)
        place = misspelt
        for step in path:
            place = place[step]
        place[f"{key}z"] = place.pop(key)

        assert mistakes_in(misspelt), f"{path} {key}"
    assert len(keys) > 5


@each_container
def test_the_program_understands_the_command_line(container: Container, key_file: Path):
    assert container.parse(key_file)


@pytest.mark.parametrize("wrong", ["--expect-wrokers=2", "--expect-workers=none", "--key-file=/run/secrets/other"])
def test_a_command_line_that_the_program_does_not_understand_is_noticed(wrong: str):
    with pytest.raises((click.UsageError, GreenloadError), match=r"wrokers|none|/run/secrets/other"):
        parse(["greenload", "master", *wrong.split("=")])


def test_the_image_without_arguments_says_what_it_can_do():
    shown = CliRunner().invoke(main, instruction("CMD"))

    assert instruction("ENTRYPOINT") == ["greenload"]
    assert shown.exit_code == 0
    assert "worker" in shown.output


@each_container
def test_a_container_has_the_image_of_this_version(container: Container):
    assert container.image == f"greenload:{VERSION}"


def test_every_image_is_pinned_and_the_commands_that_make_ours_say_its_version():
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))

    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases), bases
    assert set(re.findall(r"greenload:([\w.]+)", DOCKERFILE + PAGE)) == {VERSION}


@each_container
def test_a_container_is_not_root_and_can_write_only_where_it_must(container: Container):
    assert container.user not in ("", "0", "root")
    assert container.is_hardened
    assert container.writable <= {"/tmp", "/data"}
    assert "/tmp" in container.writable, "a worker writes its scenario there"
    for word in container.words:
        written = re.fullmatch(r"--(?:db|json|csv|log-file)=(.+)", word)
        assert written is None or str(PurePosixPath(written[1]).parent) in container.writable, word


def test_compose_builds_our_image_once_and_takes_nobody_elses():
    """Several services that build the same image at once may fail: one is told that it exists already."""
    services = COMPOSE["services"].values()

    assert [each["build"] for each in services if "build" in each] == [
        {"context": "..", "dockerfile": "deploy/Dockerfile"}
    ]
    assert {each["pull_policy"] for each in services} == {"never"}


def test_the_image_is_not_root_either():
    users = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)

    assert users == [("1000", "1000")]


@each_container
def test_a_container_has_limits(container: Container):
    assert "memory" in container.limits
    if "worker" in container.words:
        assert float(container.limits.get("cpus", container.limits.get("cpu"))) == 1, "one process, one core"


@pytest.mark.parametrize("name", [name for name in MANIFESTS if not name.startswith("Service/")])
def test_what_kubernetes_schedules_says_what_it_needs(name: str):
    (container,) = MANIFESTS[name]["spec"]["template"]["spec"]["containers"]

    assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize(("master", "worker"), FLEETS)
def test_a_worker_finds_the_master_and_has_its_key(master: str, worker: str, key_file: Path):
    served = CONTAINERS[master].parse(key_file)
    sought = CONTAINERS[worker].parse(key_file)

    host, port = sought["master"].split(":")
    assert served["bind"] == f"tcp://0.0.0.0:{port}"
    assert container_at(master, host, int(port)) is CONTAINERS[master]
    assert served["key"] is not None
    assert served["key"] == sought["key"]
    assert served["insecure"] is False


@pytest.mark.parametrize(("master", "worker"), FLEETS)
def test_the_master_sends_its_users_to_the_album_service(master: str, worker: str, key_file: Path):
    url = urlsplit(CONTAINERS[master].parse(key_file)["host"])

    service = container_at(master, url.hostname, url.port)
    assert service.words[:3] == ["python", "-m", "service"]
    served = service.parse(key_file)
    assert (served["host"], served["port"]) == ("0.0.0.0", url.port)


def container_at(asking: str, host: str, port: int) -> Container:
    """Return what the container `asking` reaches under a name: a service of Compose, or what a Service selects."""
    if asking.startswith("compose/"):
        return CONTAINERS[f"compose/{host}"]
    service = MANIFESTS[f"Service/{host}"]["spec"]
    (listed,) = (each for each in service["ports"] if each["port"] == port)
    pods = {name: each["spec"]["template"] for name, each in MANIFESTS.items() if "template" in each["spec"]}
    selected = [name for name, pod in pods.items() if service["selector"].items() <= pod["metadata"]["labels"].items()]
    assert len(selected) == 1, selected
    (container,) = pods[selected[0]]["spec"]["containers"]
    assert {"name": listed["targetPort"], "containerPort": port} in container["ports"]
    return CONTAINERS[selected[0]]


@pytest.mark.parametrize(("master", "worker"), FLEETS)
def test_the_master_waits_for_as_many_workers_as_are_started(master: str, worker: str, key_file: Path):
    expected = CONTAINERS[master].parse(key_file)["expect_workers"]

    job = MANIFESTS["Job/greenload-workers"]["spec"]
    started = {
        "compose/worker": {COMPOSE["services"]["worker"]["deploy"]["replicas"]},
        "Job/greenload-workers": {job["completions"], job["parallelism"]},
    }
    assert started[worker] == {expected}


@pytest.mark.parametrize(("master", "worker"), FLEETS)
def test_there_is_time_to_hand_over_what_was_counted(master: str, worker: str, key_file: Path):
    stop_timeout_s = CONTAINERS[master].parse(key_file)["stop_timeout_s"]

    assert CONTAINERS[master].grace_s > stop_timeout_s
    assert CONTAINERS[worker].grace_s > stop_timeout_s


def test_the_scenario_is_where_the_master_looks_for_it(key_file: Path):
    composed, scheduled = (CONTAINERS[each.values[0]].parse(key_file) for each in FLEETS)
    made = re.search(r"create configmap (\S+) --from-file=(\S+)=(\S+)", PAGE)

    bound = dict(each.split(":")[1::-1] for each in COMPOSE["services"]["master"]["volumes"])
    example = DEPLOY / bound[str(composed["scenario"].parent)] / composed["scenario"].name
    classes = set(re.findall(r"^class (\w+)\(", example.read_text(), re.MULTILINE))
    assert {*composed["classes"], *scheduled["classes"]} <= classes
    pod = MANIFESTS["Deployment/greenload-master"]["spec"]["template"]["spec"]
    assert made is not None
    assert {"name": "scenarios", "configMap": {"name": made[1]}} in pod["volumes"]
    assert {"name": "scenarios", "mountPath": "/scenarios", "readOnly": True} in pod["containers"][0]["volumeMounts"]
    assert scheduled["scenario"] == Path("/scenarios") / made[2]
    assert (ROOT / made[3]).resolve() == example.resolve()


def test_the_key_is_made_where_it_is_looked_for():
    made = re.search(r"create secret generic (\S+) --from-file=(\S+)=(\S+)", PAGE)

    assert made is not None
    pods = [MANIFESTS[each.values[place]]["spec"]["template"]["spec"] for each in FLEETS[1:] for place in (0, 1)]
    for pod in pods:
        (secret,) = (volume["secret"] for volume in pod["volumes"] if "secret" in volume)
        assert secret["secretName"] == made[1]
        assert secret["defaultMode"] == 0o440, "the group of fsGroup, and nobody else"
        assert f"/{made[2]}" in " ".join(pod["containers"][0]["args"])
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert (DEPLOY / COMPOSE["secrets"]["greenload_key"]["file"]).resolve() == ROOT / made[3]
    assert f"greenload key > {made[3]}" in PAGE


def test_what_the_services_of_compose_refer_to_is_there():
    for service in COMPOSE["services"].values():
        volumes = [volume.partition(":")[0] for volume in service.get("volumes", [])]
        assert {*service.get("secrets", [])} <= COMPOSE["secrets"].keys()
        assert {*service.get("depends_on", [])} <= COMPOSE["services"].keys()
        assert {name for name in volumes if "/" not in name} <= COMPOSE["volumes"].keys()


def test_a_deployment_and_the_spreading_of_workers_select_the_pods_they_make():
    specs = [each["spec"] for each in MANIFESTS.values()]
    selecting = [
        *((spec, spec["selector"]["matchLabels"]) for spec in specs if "replicas" in spec),
        *((spec, each["labelSelector"]["matchLabels"]) for spec in specs if "completions" in spec
          for each in spec["template"]["spec"]["topologySpreadConstraints"]),
    ]  # fmt: skip

    assert len(selecting) == 3
    for spec, labels in selecting:
        assert labels.items() <= spec["template"]["metadata"]["labels"].items()


def test_a_replaced_worker_has_a_name_that_no_worker_had_before():
    """The master refuses a name that was in the run already; the names of pods are never given twice."""
    job = MANIFESTS["Job/greenload-workers"]["spec"]

    assert job["completionMode"] == "Indexed"
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert CONTAINERS["Job/greenload-workers"].words[-1] == "--id=metadata.name"
    assert not any(word.startswith("--id") for word in CONTAINERS["compose/worker"].words)


def test_no_key_and_nothing_but_what_is_copied_gets_into_the_image():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)

    first, *others = lines
    let_in = {line.removeprefix("!") for line in others if line.startswith("!")}
    assert first == "*"
    assert let_in == {source for each in copied for source in each.split()}
    assert all((ROOT / each).exists() for each in let_in)
    assert "*.key" in (ROOT / ".gitignore").read_text().splitlines()


def test_each_file_that_the_page_names_is_there():
    named = set(re.findall(r"deploy/[\w./-]*\w", PAGE)) - {"deploy/greenload.key"}

    assert {"deploy/compose.yaml", "deploy/Dockerfile", "deploy/kubernetes"} <= named
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_each_object_that_the_page_names_is_there():
    named = set(re.findall(r"\b(deployment|job|service)/([\w-]+)", PAGE))

    assert named
    assert {f"{kind.capitalize()}/{name}" for kind, name in named} <= MANIFESTS.keys()
