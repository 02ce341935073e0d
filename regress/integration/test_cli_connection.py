# SPDX-License-Identifier: ISC
"""Where telepilot(1) connects and as whom: flags, environment, profiles; what it says
when it cannot."""

import os
import shutil
import subprocess

import pytest

import pki
from daemon import USERS, free_port
from paths import TELEPILOT


def run(*args, env=None, timeout=30):
    base = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if key in os.environ:
            base[key] = os.environ[key]
    return subprocess.run([TELEPILOT, *map(str, args)], env={**base, **(env or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, check=False)


def owner(done, daemon):
    """Who created the job that was printed."""
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.decode().strip()
    for user in USERS:
        shown = daemon.cli(user, "status", "--format", "json", job_id)
        if shown.returncode == 0:
            return user
    return None


CREATE = ["create", "--", "true"]


# --- profiles, environment, flags ------------------------------------------------

@pytest.fixture
def home(daemon, tmp_path):
    """A home directory with alice's certificate as "default" and bob's as "work"."""
    base = tmp_path / ".config" / "telepilot"
    base.mkdir(parents=True)
    shutil.copytree(daemon.profile("alice"), base / "default")
    shutil.copytree(daemon.profile("bob"), base / "work")
    return {"HOME": str(tmp_path)}


def test_default_profile(daemon, home):
    assert owner(run(*CREATE, env=home), daemon) == "alice"


def test_profile_by_name(daemon, home):
    assert owner(run("--profile", "work", *CREATE, env=home), daemon) == "bob"
    assert owner(run("create", "--profile", "work", "--", "true", env=home), daemon) == "bob"


def test_profile_by_environment_and_flag_over_it(daemon, home):
    env = {**home, "TELEPILOT_PROFILE": "work"}
    assert owner(run(*CREATE, env=env), daemon) == "bob"
    assert owner(run("--profile", "default", *CREATE, env=env), daemon) == "alice"


def test_xdg_config_home(daemon, tmp_path):
    base = tmp_path / "xdg" / "telepilot"
    base.mkdir(parents=True)
    shutil.copytree(daemon.profile("dave"), base / "default")
    env = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert owner(run(*CREATE, env=env), daemon) == "dave"


def test_profile_by_path(daemon):
    assert owner(run("--profile", f"{daemon.profile('dave')}/", *CREATE), daemon) == "dave"


def test_environment_alone(daemon):
    cert, key = daemon.cert("bob")
    env = {"TELEPILOT_SERVER": daemon.addr, "TELEPILOT_CERT": str(cert),
           "TELEPILOT_KEY": str(key), "TELEPILOT_CA": str(daemon.server_ca)}
    assert owner(run(*CREATE, env=env), daemon) == "bob"


def test_flags_alone_and_over_the_environment(daemon):
    cert, key = daemon.cert("dave")
    flags = ["--server", daemon.addr, "--cert", cert, "--key", key, "--ca", daemon.server_ca]
    assert owner(run(*flags, *CREATE), daemon) == "dave"
    env = {"TELEPILOT_SERVER": "127.0.0.1:1", "TELEPILOT_CERT": "/nope",
           "TELEPILOT_PROFILE": f"{daemon.profile('alice')}/"}
    assert owner(run(*flags, *CREATE, env=env), daemon) == "dave"


def test_server_flag_over_the_profiles(daemon, home):
    done = run("--server", f"127.0.0.1:{free_port()}", *CREATE, env=home)
    assert done.returncode == 125 and b"refused" in done.stderr.lower()


def test_no_profile_says_how_to_get_one(tmp_path):
    done = run("ps", env={"HOME": str(tmp_path)})
    said = done.stderr.decode()
    assert done.returncode == 125 and "telepilot ca issue" in said and "--profile" in said


@pytest.mark.parametrize("config,word", [
    ("server", "server"), ("nonsense x\n", "nonsense"), ("server 127.0.0.1:99999\n", "99999"),
    ("", "server")])
def test_wrong_profile_is_named(daemon, tmp_path, config, word):
    made = tmp_path / "p"
    shutil.copytree(daemon.profile("alice"), made)
    (made / "config").write_text(config)
    done = run("--profile", f"{made}/", "ps")
    assert done.returncode == 125 and word in done.stderr.decode()


# --- what goes wrong -----------------------------------------------------------

def profile(daemon, tmp_path, files):
    made = tmp_path / "made"
    shutil.copytree(daemon.profile("alice"), made)
    shutil.copy(files[0], made / "cert.pem")
    shutil.copy(files[1], made / "key.pem")
    return ["--profile", f"{made}/"]


def test_expired_certificate_is_said_in_words_before_connecting(daemon, tmp_path):
    ca = pki.Authority.of_clients(daemon)
    files = ca.issue("alice", start=pki.now() - 3 * pki.DAY, end=pki.now() - 2 * pki.DAY)
    # Nobody listens there: it must not have come that far.
    done = run(*profile(daemon, tmp_path, files), "--server", f"127.0.0.1:{free_port()}", "ps")
    said = done.stderr.decode()
    assert done.returncode == 125 and "expired" in said and "alice" in said, said
    assert "refused" not in said.lower()


def test_certificate_that_is_not_yet_valid(daemon, tmp_path):
    ca = pki.Authority.of_clients(daemon)
    files = ca.issue("alice", start=pki.now() + pki.DAY, end=pki.now() + 2 * pki.DAY)
    said = run(*profile(daemon, tmp_path, files), "ps").stderr.decode()
    assert "alice" in said and "valid" in said and "24 h" in said, said


def test_strangers_server(daemon, tmp_path):
    """A server whose certificate another CA signed: no request is sent to it."""
    made = tmp_path / "p"
    shutil.copytree(daemon.profile("alice"), made)
    shutil.copy(daemon.etc / "client-ca.pem", made / "ca.pem")
    done = run("--profile", f"{made}/", "ps")
    assert done.returncode == 125 and b"certificate" in done.stderr.lower()


def test_server_of_another_name(daemon):
    done = run("--profile", f"{daemon.profile('alice')}/", "--server-name", "other.example", "ps")
    assert done.returncode == 125 and b"other.example" in done.stderr
    assert run("--profile", f"{daemon.profile('alice')}/", "--server-name", "localhost",
               "ps").returncode == 0


def test_certificate_that_the_server_refuses(daemon, tmp_path):
    files = pki.Authority.stranger(daemon).issue("alice")
    done = run(*profile(daemon, tmp_path, files), "ps")
    said = done.stderr.decode().lower()
    assert done.returncode == 125 and "certificate" in said, said


def test_key_of_another_certificate(daemon, tmp_path):
    files = daemon.cert("alice")[0], daemon.cert("bob")[1]
    done = run(*profile(daemon, tmp_path, files), "ps")
    assert done.returncode == 125 and b"key" in done.stderr.lower()


@pytest.mark.parametrize("missing", ["cert.pem", "key.pem", "ca.pem", "config"])
def test_missing_file_is_named(daemon, tmp_path, missing):
    made = tmp_path / "p"
    shutil.copytree(daemon.profile("alice"), made)
    (made / missing).unlink()
    done = run("--profile", f"{made}/", "ps")
    assert done.returncode == 125 and missing.encode() in done.stderr


def test_no_server_listens():
    done = run("--server", f"127.0.0.1:{free_port()}", "--cert", "/nope", "--key", "/nope",
               "--ca", "/nope", "ps")
    assert done.returncode == 125 and b"/nope" in done.stderr


def test_timeout_flag(daemon, alice):
    job_id = alice.create("/bin/true")
    done = daemon.cli("alice", "--timeout", "1s", "wait", job_id)
    assert done.returncode == 125 and done.stderr


# --- certificates of telepilot ca -----------------------------------------------

@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "rsa2048", "rsa3072"])
def test_ca_issue_key_types_work(daemon, kind):
    name = f"key_{kind}"
    done = run("ca", "issue", name, "--dir", daemon.etc, "--server", daemon.addr,
               "--key-type", kind)
    assert done.returncode == 0, done.stderr
    assert run("--profile", f"{daemon.profile(name)}/", "run", "echo", kind).stdout \
        == f"{kind}\n".encode()
