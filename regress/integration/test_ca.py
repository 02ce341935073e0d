# SPDX-License-Identifier: ISC
"""What `telepilot ca` makes, down to the last extension, and what it leaves as it
was. Needs no daemon."""

import os
import shutil
import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import pki
from paths import TELEPILOT

DAYS_10_YEARS, DAYS_SERVER, DAYS_CLIENT = 3650, 825, 365


def ca(*args, umask=0o022, **kw):
    return subprocess.run([TELEPILOT, "ca", *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False, umask=umask, **kw)


def made(*args, **kw):
    done = ca(*args, **kw)
    assert done.returncode == 0 and done.stderr == b"", done.stderr


def cert(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def key(path):
    return serialization.load_pem_private_key(path.read_bytes(), None)


def ext(c, kind):
    return c.extensions.get_extension_for_class(kind)


def tree(top):
    return {str(p.relative_to(top)): (p.stat().st_mode, p.stat().st_mtime_ns,
                                      p.read_bytes() if p.is_file() else None)
            for p in top.rglob("*")}


def usages(c):
    usage = ext(c, x509.KeyUsage)
    assert usage.critical
    return {n for n in ("digital_signature", "content_commitment", "key_encipherment",
                        "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
            if getattr(usage.value, n)}


def check_chain(issuer, c):
    """Signed by it, and linked to it by key identifiers."""
    assert c.issuer == issuer.subject
    if isinstance(issuer.public_key(), rsa.RSAPublicKey):
        issuer.public_key().verify(c.signature, c.tbs_certificate_bytes,
                                   pki_padding(), c.signature_hash_algorithm)
    else:
        issuer.public_key().verify(c.signature, c.tbs_certificate_bytes,
                                   ec.ECDSA(c.signature_hash_algorithm))
    own = ext(c, x509.SubjectKeyIdentifier).value
    assert own == x509.SubjectKeyIdentifier.from_public_key(c.public_key())
    assert ext(c, x509.AuthorityKeyIdentifier).value.key_identifier == \
        ext(issuer, x509.SubjectKeyIdentifier).value.digest


def pki_padding():
    from cryptography.hazmat.primitives.asymmetric import padding
    return padding.PKCS1v15()


def check_validity(c, days):
    assert (c.not_valid_after - c.not_valid_before).days == days
    age = (pki.now() - c.not_valid_before).total_seconds()
    assert 240 < age < 420, "backdated by five minutes, for clocks that differ"


@pytest.fixture(scope="module")
def etc(tmp_path_factory):
    top = tmp_path_factory.mktemp("ca") / "etc"
    made("init", "--dir", top, "--host", "host.example", "--host", "192.0.2.7", "--host",
         "2001:db8::1")
    made("issue", "alice", "--dir", top)
    return top


# --- files ---------------------------------------------------------------------

def test_modes(etc):
    want = {".": 0o755, "ca": 0o700, "profiles": 0o755, "profiles/alice": 0o700,
            "server.pem": 0o644, "client-ca.pem": 0o644, "server.key": 0o600,
            "ca/client-ca.key": 0o600, "ca/server-ca.key": 0o600, "profiles/alice/key.pem": 0o600,
            "profiles/alice/cert.pem": 0o644}
    assert {n: stat.S_IMODE((etc / n).stat().st_mode) for n in want} == want


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_do_not_hang_on_the_umask(tmp_path, umask):
    etc = tmp_path / "etc"
    made("init", "--dir", etc, "--host", "h", umask=umask)
    made("issue", "alice", "--dir", etc, umask=umask)
    for name, mode in (("server.key", 0o600), ("server.pem", 0o644), ("ca", 0o700),
                       ("ca/client-ca.key", 0o600), ("profiles/alice", 0o700),
                       ("profiles/alice/key.pem", 0o600)):
        assert stat.S_IMODE((etc / name).stat().st_mode) == mode, name


def test_keys_are_pkcs8_and_belong_to_the_certificates(etc):
    for k, c in (("server.key", "server.pem"), ("ca/client-ca.key", "ca/client-ca.pem"),
                 ("ca/server-ca.key", "ca/server-ca.pem"),
                 ("profiles/alice/key.pem", "profiles/alice/cert.pem")):
        assert (etc / k).read_text().startswith("-----BEGIN PRIVATE KEY-----\n"), k
        assert key(etc / k).public_key().public_numbers() == \
            cert(etc / c).public_key().public_numbers()


def test_nothing_is_overwritten_whatever_is_there(tmp_path):
    """One file of those to be made is there: all else is taken back, and it is named."""
    for name in ("ca/client-ca.key", "ca/server-ca.pem", "server.key", "client-ca.pem"):
        etc = tmp_path / name.replace("/", "-")
        (etc / name).parent.mkdir(parents=True)
        (etc / name).write_text("precious")
        before = tree(etc)
        done = ca("init", "--dir", etc, "--host", "h")
        assert done.returncode == 125 and f"{name} is there already" in done.stderr.decode()
        assert {n: v[2] for n, v in tree(etc).items()} == {n: v[2] for n, v in before.items()}


def test_links_are_not_followed(tmp_path):
    etc, target = tmp_path / "etc", tmp_path / "target"
    etc.mkdir()
    (etc / "server.key").symlink_to(target)
    assert ca("init", "--dir", etc, "--host", "h").returncode == 125
    assert not target.exists() and not (etc / "ca").exists()
    (etc / "server.key").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (etc / "ca").symlink_to(elsewhere)
    assert ca("init", "--dir", etc, "--host", "h").returncode == 125
    assert not list(elsewhere.iterdir())


def test_a_failed_init_leaves_no_directory(tmp_path):
    for bad in (["--host", "a b"], ["--host", ""], ["--key-type", "dsa"],
                ["--key-type", "ed25519"], ["--trust-domain", "Upper"], ["--host", "x,IP:1.2.3.4"]):
        assert ca("init", "--dir", tmp_path / "etc", *bad).returncode == 125, bad
        assert not (tmp_path / "etc").exists(), bad
    done = ca("init", "--dir", tmp_path / "no" / "etc", "--host", "h")
    assert done.returncode == 125 and b"No such file" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="mounts")
def test_a_full_disk_leaves_nothing(tmp_path):
    etc = tmp_path / "etc"
    etc.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12k", "telepilot-test", etc], check=True)
    try:
        done = ca("init", "--dir", etc, "--host", "h")
        assert done.returncode == 125 and b"No space left" in done.stderr
        assert not list(etc.iterdir())
    finally:
        subprocess.run(["umount", etc], check=True)


def test_second_issue_changes_nothing(etc):
    before = tree(etc)
    done = ca("issue", "alice", "--dir", etc)
    assert done.returncode == 125
    assert b"profiles/alice/key.pem is there already" in done.stderr
    assert {n: v[2] for n, v in tree(etc).items()} == {n: v[2] for n, v in before.items()}


def test_issue_without_a_ca_says_what_makes_one(tmp_path):
    done = ca("issue", "alice", "--dir", tmp_path)
    assert done.returncode == 125 and b"telepilot ca init" in done.stderr
    assert not list(tmp_path.iterdir())


# --- certificates --------------------------------------------------------------

@pytest.mark.parametrize("name", ["client", "server"])
def test_authorities(etc, name):
    c = cert(etc / "ca" / f"{name}-ca.pem")
    basic = ext(c, x509.BasicConstraints)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    assert usages(c) == {"key_cert_sign", "crl_sign"}
    check_chain(c, c)
    check_validity(c, DAYS_10_YEARS)


def test_two_authorities(etc):
    client, server = cert(etc / "ca" / "client-ca.pem"), cert(etc / "ca" / "server-ca.pem")
    assert client.subject != server.subject
    assert client.public_key().public_numbers() != server.public_key().public_numbers()
    assert (etc / "client-ca.pem").read_bytes() == (etc / "ca/client-ca.pem").read_bytes()
    assert (etc / "profiles/alice/ca.pem").read_bytes() == (etc / "ca/server-ca.pem").read_bytes()


def test_server_certificate(etc):
    c = cert(etc / "server.pem")
    basic = ext(c, x509.BasicConstraints)
    assert basic.critical and not basic.value.ca
    assert usages(c) == {"digital_signature"}
    assert list(ext(c, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = ext(c, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["host.example"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == [
        "192.0.2.7", "2001:db8::1"]
    check_chain(cert(etc / "ca" / "server-ca.pem"), c)
    check_validity(c, DAYS_SERVER)


def test_client_certificate(etc):
    c = cert(etc / "profiles/alice/cert.pem")
    basic = ext(c, x509.BasicConstraints)
    assert basic.critical and not basic.value.ca
    assert usages(c) == {"digital_signature"}
    assert list(ext(c, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = ext(c, x509.SubjectAlternativeName).value
    assert [n.value for n in names] == ["spiffe://telepilot/user/alice"]
    assert [a.value for a in c.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["alice"]
    check_chain(cert(etc / "ca" / "client-ca.pem"), c)
    check_validity(c, DAYS_CLIENT)


def test_openssl_agrees(etc):
    for args in (["-purpose", "sslserver", "-verify_hostname", "host.example", "-CAfile",
                  etc / "ca/server-ca.pem", etc / "server.pem"],
                 ["-purpose", "sslserver", "-verify_ip", "2001:db8::1", "-CAfile",
                  etc / "ca/server-ca.pem", etc / "server.pem"],
                 ["-purpose", "sslclient", "-CAfile", etc / "ca/client-ca.pem",
                  etc / "profiles/alice/cert.pem"]):
        subprocess.run(["openssl", "verify", "-x509_strict", *args], check=True,
                       stdout=subprocess.DEVNULL)
    for args in (["-purpose", "sslclient", "-CAfile", etc / "ca/server-ca.pem",
                  etc / "server.pem"],
                 ["-CAfile", etc / "ca/server-ca.pem", etc / "profiles/alice/cert.pem"]):
        assert subprocess.run(["openssl", "verify", *args], check=False, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode != 0


def test_serials_are_random_and_long(etc):
    made_here = [cert(p).serial_number for p in etc.rglob("*.pem") if p.name != "key.pem"
                 and p.name != "ca.pem" and p.parent != etc] + [cert(etc / "server.pem").serial_number]
    assert len(set(made_here)) == len(made_here) == 4
    assert all(s > 0 and 90 < s.bit_length() <= 128 for s in made_here)


@pytest.mark.parametrize("kind,curve,digest", [
    ("p256", "secp256r1", hashes.SHA256), ("p384", "secp384r1", hashes.SHA384)])
def test_init_key_types(tmp_path, kind, curve, digest):
    etc = tmp_path / "etc"
    made("init", "--dir", etc, "--host", "h", "--key-type", kind)
    for name in ("server.key", "ca/client-ca.key", "ca/server-ca.key"):
        assert key(etc / name).curve.name == curve
    assert isinstance(cert(etc / "server.pem").signature_hash_algorithm, digest)
    check_chain(cert(etc / "ca/server-ca.pem"), cert(etc / "server.pem"))


@pytest.mark.parametrize("bits", [2048, 3072])
def test_init_rsa(tmp_path, bits):
    etc = tmp_path / "etc"
    made("init", "--dir", etc, "--host", "h", "--key-type", f"rsa{bits}")
    assert key(etc / "server.key").key_size == bits
    check_chain(cert(etc / "ca/server-ca.pem"), cert(etc / "server.pem"))


@pytest.mark.parametrize("kind,cls", [
    ("p256", ec.EllipticCurvePrivateKey), ("p384", ec.EllipticCurvePrivateKey),
    ("ed25519", ed25519.Ed25519PrivateKey), ("rsa2048", rsa.RSAPrivateKey)])
def test_issue_key_types(etc, kind, cls):
    made("issue", f"k{kind}", "--dir", etc, "--key-type", kind)
    assert isinstance(key(etc / "profiles" / f"k{kind}" / "key.pem"), cls)
    check_chain(cert(etc / "ca/client-ca.pem"), cert(etc / "profiles" / f"k{kind}" / "cert.pem"))


def test_ed25519_server_key_is_refused_with_the_reason(tmp_path):
    done = ca("init", "--dir", tmp_path / "etc", "--key-type", "ed25519")
    assert done.returncode == 125 and b"randomised" in done.stderr


def test_default_hosts(tmp_path):
    made("init", "--dir", tmp_path / "etc")
    names = ext(cert(tmp_path / "etc" / "server.pem"), x509.SubjectAlternativeName).value
    assert {"localhost", os.uname().nodename} <= set(names.get_values_for_type(x509.DNSName))
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_trust_domain_is_kept_for_issue(tmp_path):
    etc = tmp_path / "etc"
    made("init", "--dir", etc, "--host", "h", "--trust-domain", "prod.example")
    made("issue", "bob", "--dir", etc)
    names = ext(cert(etc / "profiles/bob/cert.pem"), x509.SubjectAlternativeName).value
    assert [n.value for n in names] == ["spiffe://prod.example/user/bob"]


@pytest.mark.parametrize("days", ["0", "36501", "x", "-1"])
def test_wrong_days(etc, days):
    assert ca("issue", "never", "--dir", etc, f"--days={days}").returncode == 125
    assert not (etc / "profiles" / "never").exists()


def test_days_end_with_the_authority(etc):
    made("issue", "long", "--dir", etc, "--days", "36500")
    assert cert(etc / "profiles/long/cert.pem").not_valid_after == \
        cert(etc / "ca/client-ca.pem").not_valid_after


# --- profiles ------------------------------------------------------------------

@pytest.mark.parametrize("server,config", [
    (None, "server host.example:7443\n"),
    ("192.0.2.7:9", "server 192.0.2.7:9\n"),
    ("[2001:db8::1]", "server [2001:db8::1]:7443\n"),
    ("other.example", "server other.example:7443\nserver-name host.example\n")])
def test_config_names_the_server(etc, server, config):
    name = f"c{abs(hash(server))}"[:32]
    made("issue", name, "--dir", etc, *([] if server is None else ["--server", server]))
    assert (etc / "profiles" / name / "config").read_text() == config
    shutil.rmtree(etc / "profiles" / name)


def test_wrong_server(etc):
    for server in ("h:0", "h:x", "[::1", "", "a b", "a\nserver-name x"):
        assert ca("issue", "never", "--dir", etc, "--server", server).returncode == 125, server
        assert not (etc / "profiles" / "never").exists()


def test_keys_of_another_ca_are_noticed(etc, tmp_path):
    mixed = tmp_path / "etc"
    shutil.copytree(etc, mixed)
    shutil.copy(etc / "ca/server-ca.key", mixed / "ca/client-ca.key")
    done = ca("issue", "never", "--dir", mixed)
    assert done.returncode == 125 and b"does not belong" in done.stderr
