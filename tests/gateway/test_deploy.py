"""The deployment files in the documentation, checked by the programs and commands they are for."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import typer
import yaml

from harness.command import environment
from harness.team import CONFIGURATION
from secretgate.cli import app
from secretgate.demo.authority import Authority
from secretgate.gateway.health import State, routes
from secretgate.hosts import ca_domains
from secretgate.settings import FIELDS
from secretgate.state import Places, load_key
from secretgate_ca import ensure_ca

DEPLOY = CONFIGURATION.parent
PAGE = DEPLOY.parent / "team-gateway.md"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OBJECTS = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
_NOT_SETTINGS = {
    "SECRETGATE_PROXYAUTH",
    "SECRETGATE_HOME",
    "SECRETGATE_CACHE_DIR",
    "SECRETGATE_KEYS",
}
_BALANCER = re.compile(r"SECRETGATE_(BIND|CERT|STATS|WORKER_\d|HEALTH_\d|REDIS_PASSWORD)")


def parsed(arguments: list[str]) -> dict[str, Any]:
    """Return the options of `serve` as the command parses them; unknown options are an error."""
    root: Any = typer.main.get_command(app)
    name, *rest = arguments
    command = root.get_command(None, name)
    with command.make_context(name, list(rest)) as context:
        return dict(context.params)


def the(kind: str, name: str) -> dict[str, Any]:
    (found,) = (o for o in OBJECTS if o["kind"] == kind and o["metadata"]["name"] == name)
    return found["spec"]


def check_environment(names: list[str]) -> None:
    for name in names:
        assert name.startswith("SECRETGATE_")
        setting = name.removeprefix("SECRETGATE_").lower()
        assert setting in FIELDS or name in _NOT_SETTINGS, name


def test_haproxy_takes_its_configuration(haproxy: str, tmp_path: Path) -> None:
    certificate = Authority("Test").issue(["localhost"], tmp_path / "gateway.pem")
    env = {"SECRETGATE_BIND": "127.0.0.1:8443", "SECRETGATE_STATS": "127.0.0.1:8404"}
    env |= {"SECRETGATE_CERT": str(certificate)}
    for number in "12":
        env |= {f"SECRETGATE_WORKER_{number}": "127.0.0.1:8080"}
        env |= {f"SECRETGATE_HEALTH_{number}": "8081"}
    assert set(re.findall(r"\$\{(\w+)\}", CONFIGURATION.read_text())) == env.keys()
    done = subprocess.run(
        [haproxy, "-c", "-f", str(CONFIGURATION)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_the_compose_file_gives_options_that_there_are() -> None:
    workers = [COMPOSE["services"][name] for name in ("worker1", "worker2")]
    for worker in workers:
        options = parsed(worker["command"])
        assert options["listen"] == "0.0.0.0"
        assert options["proxyauth"].startswith("@/run/secrets/users")
        check_environment(list(worker["environment"]))
        notice = float(worker["environment"]["SECRETGATE_DRAIN_NOTICE"])
        assert int(worker["stop_grace_period"].rstrip("s")) > options["drain"] + notice
        assert f":{options['health_port']}/readyz" in worker["healthcheck"]["test"][-1]
        assert "ports" not in worker, "only the balancer is reached from outside"
    balancer = COMPOSE["services"]["haproxy"]["environment"]
    assert set(re.findall(r"\$\{(\w+)\}", CONFIGURATION.read_text())) == balancer.keys()
    for number in "12":
        assert balancer[f"SECRETGATE_WORKER_{number}"] == f"worker{number}:{options['port']}"
        assert balancer[f"SECRETGATE_HEALTH_{number}"] == str(options["health_port"])
    for volume in [*workers[0]["volumes"], *COMPOSE["services"]["haproxy"]["volumes"]]:
        name = volume.partition(":")[0].removeprefix("./")
        assert (DEPLOY / name).exists() or name in ("keys", "users", "gateway.pem")
    assert (DEPLOY / workers[0]["build"]["context"] / workers[0]["build"]["dockerfile"]).is_file()


def test_the_manifest_gives_options_that_there_are() -> None:
    pod = the("Deployment", "secretgate")["template"]["spec"]
    (container,) = pod["containers"]
    options = parsed(container["args"])
    env = {each["name"]: each.get("value") for each in container["env"]}
    check_environment(list(env))
    notice = float(env["SECRETGATE_DRAIN_NOTICE"])
    assert pod["terminationGracePeriodSeconds"] > options["drain"] + notice
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"proxy": options["port"], "health": options["health_port"]}
    state = State(True, False, True, False, 0, "")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in routes(lambda: state)
        assert asked["port"] == "health"
    readiness = container["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < notice
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["volumes"]}
    users = options["proxyauth"].removeprefix("@")
    assert any(users.startswith(each["mountPath"]) for each in container["volumeMounts"])


def test_the_manifests_objects_fit_together() -> None:
    labels = the("Deployment", "secretgate")["template"]["metadata"]["labels"]
    assert the("Service", "secretgate")["selector"] == labels
    assert the("PodDisruptionBudget", "secretgate")["selector"]["matchLabels"] == labels
    vault = the("StatefulSet", "valkey")
    assert the("Service", "valkey")["selector"] == vault["template"]["metadata"]["labels"]
    policy = the("NetworkPolicy", "valkey")
    assert policy["podSelector"]["matchLabels"] == vault["template"]["metadata"]["labels"]
    assert policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == labels
    for each in OBJECTS:
        assert each["apiVersion"]
        assert each["metadata"]["namespace"] == "secretgate"


def test_the_entrypoint_makes_mounted_keys_its_own(tmp_path: Path) -> None:
    """Mounted files may have other owners or modes; both workers get the same key and CA."""
    first = Places.find({"SECRETGATE_HOME": str(tmp_path / "first")})
    load_key(first.key)
    known = ensure_ca(first.ca, ca_domains())
    keys = tmp_path / "keys"
    keys.mkdir()
    for file in (first.key, *first.ca.iterdir()):
        (keys / file.name).write_bytes(file.read_bytes())
    env = environment(tmp_path, SECRETGATE_KEYS=str(keys))
    env["SECRETGATE_HOME"] = str(tmp_path / "second")
    program = tmp_path / "bin"
    program.mkdir()
    (program / "secretgate").write_text('#!/bin/sh\necho "$@"\n')
    (program / "secretgate").chmod(0o755)
    env["PATH"] = f"{program}:{env['PATH']}"
    for _ in range(2):
        done = subprocess.run(
            ["sh", str(DEPLOY / "entrypoint.sh"), "serve", "--port=1"],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "serve --port=1\n", done.stderr
    second = Places.find(env)
    assert load_key(second.key) == load_key(first.key)
    assert ensure_ca(second.ca, ca_domains()).ca_cert.read_bytes() == known.ca_cert.read_bytes()


def test_the_page_gives_commands_that_there_are() -> None:
    text = PAGE.read_text()
    given = re.findall(r"^\$? ?(?:\w+=\S+ )*secretgate (serve .*)$", text, re.MULTILINE)
    assert len(given) >= 2
    for line in given:
        parsed(shlex.split(line, comments=True))
    for name in re.findall(r"\bSECRETGATE_[A-Z_0-9]+\b", text):
        if not _BALANCER.fullmatch(name):
            check_environment([name])
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (PAGE.parent / target).exists(), target
