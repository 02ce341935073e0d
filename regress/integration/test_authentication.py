# SPDX-License-Identifier: ISC
"""Who may connect at all. Each refusal is shown by what did not come: no byte of
HTTP/2, and where TLS has an alert for the reason, that alert."""

import ssl

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import pki
import tls
from daemon import Daemon
from rpc import refused


@pytest.fixture(scope="module")
def ca(daemon):
    return pki.Authority.of_clients(daemon)


def takes(daemon, files, **kw):
    why, got = tls.attempt(daemon, *files, **kw)
    assert why is None, why
    assert tls.http2_in(got)


# --- what is taken (else every refusal below proves nothing) ------------------

def test_own_certificate_is_taken(daemon):
    takes(daemon, daemon.cert("alice"))


@pytest.mark.parametrize("make", [pki.ed25519_key, pki.rsa_key, pki.p384_key],
                         ids=["ed25519", "rsa2048", "p384"])
def test_client_keys_of_other_types_are_taken(daemon, ca, make):
    takes(daemon, ca.issue("bob", key=make()))


def test_name_is_the_san_and_not_the_common_name(daemon, ca):
    api = daemon.api("alice", cert=(files := ca.issue("bob", common_name="alice"))[0],
                     key=files[1])
    job_id = api.create("/bin/true")
    assert api.status(job_id).owner == "bob"
    with refused(grpc.StatusCode.PERMISSION_DENIED):
        daemon.api("alice").status(job_id)


# --- certificates ------------------------------------------------------------

def test_no_certificate(daemon):
    assert "certificate required" in tls.refused(daemon)


def test_strangers_ca(daemon):
    files = pki.Authority.stranger(daemon).issue("alice")
    why = tls.refused(daemon, *files)
    assert "unknown ca" in why or "decrypt error" in why or "bad certificate" in why, why


def test_self_signed(daemon, tmp_path):
    key = pki.ed25519_key()
    own = pki.Authority(tmp_path, None, key)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice")])
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY)
            .add_extension(x509.SubjectAlternativeName([pki.spiffe("alice")]), False)
            .sign(key, None))
    tls.refused(daemon, *own._write(cert, key))  # pylint: disable=protected-access


def test_expired(daemon, ca):
    files = ca.issue("alice", start=pki.now() - 3 * pki.DAY, end=pki.now() - 2 * pki.DAY)
    assert "expired" in tls.refused(daemon, *files)


def test_not_yet_valid(daemon, ca):
    files = ca.issue("alice", start=pki.now() + pki.DAY, end=pki.now() + 2 * pki.DAY)
    tls.refused(daemon, *files)


@pytest.mark.parametrize("eku", [(pki.SERVER_AUTH,), (x509.OID_CODE_SIGNING,), None],
                         ids=["server", "code_signing", "none"])
def test_wrong_extended_key_usage(daemon, ca, eku):
    tls.refused(daemon, *ca.issue("alice", eku=eku))


def test_servers_own_certificate_is_no_client(daemon):
    tls.refused(daemon, daemon.etc / "server.pem", daemon.etc / "server.key")


@pytest.mark.parametrize("name,sans", [
    ("two_users", [pki.spiffe("alice"), pki.spiffe("bob")]),
    ("same_twice", [pki.spiffe("alice"), pki.spiffe("alice")]),
    ("another_uri_beside", [pki.spiffe("alice"), x509.UniformResourceIdentifier("https://x/")]),
    ("no_san", []),
    ("dns_only", [x509.DNSName("alice")]),
    ("other_domain", [pki.spiffe("alice", "elsewhere")]),
    ("domain_prefix", [pki.spiffe("alice", "telepilot.example")]),
    ("upper_case", [pki.spiffe("Alice")]),
    ("empty_name", [pki.spiffe("")]),
    ("slash", [pki.spiffe("alice/bob")]),
    ("digit_first", [pki.spiffe("0alice")]),
    ("too_long", [pki.spiffe("a" * 33)]),
    ("no_user_part", [x509.UniformResourceIdentifier("spiffe://telepilot/alice")]),
    ("query", [x509.UniformResourceIdentifier("spiffe://telepilot/user/alice?x")]),
    ("other_scheme", [x509.UniformResourceIdentifier("https://telepilot/user/alice")]),
])
def test_identity_that_is_not_one_user(daemon, ca, name, sans):
    del name
    tls.refused(daemon, *ca.issue("alice", sans=sans))


def test_name_of_32_characters_is_taken(daemon, ca):
    takes(daemon, ca.issue("a" * 32))
    takes(daemon, ca.issue("_a-0"))


def test_nul_in_the_name(daemon, ca):
    """"alice\\0.evil" must not be read as "alice"."""
    files = ca.issue("alice", sans=[x509.UniformResourceIdentifier(
        "spiffe://telepilot/user/alice\0x")])
    tls.refused(daemon, *files)


def test_chain_longer_than_16_kib(daemon, ca):
    """The chain is bounded before anybody verifies it."""
    cert, key = ca.issue("alice")
    many = cert.with_suffix(".chain")
    other = ca.issue("bob")[0].read_text()
    many.write_text(cert.read_text() + other * 60)
    tls.refused(daemon, many, key)


# --- CRL ---------------------------------------------------------------------

def test_revoked_by_crl():
    d = Daemon(start=False)
    try:
        ca = pki.Authority.of_clients(d)
        d.write_config(ClientCRL=ca.crl(d.cert("bob")[0]))
        d.start()
        takes(d, d.cert("alice"))
        assert "revoked" in tls.refused(d, *d.cert("bob"))
        # A new CRL holds from the reload on.
        d.write_config(ClientCRL=ca.crl(d.cert("alice")[0], d.cert("bob")[0], name="crl2.pem"))
        d.reload()
        assert "revoked" in tls.refused(d, *d.cert("alice"))
    finally:
        d.close()


def test_common_name_where_configured():
    with Daemon(users=("alice",), options={"Identity": "cn"}) as d:
        ca = pki.Authority.of_clients(d)
        cert, key = ca.issue("x", sans=[], common_name="carol")
        api = d.api("carol", cert=cert, key=key)
        assert api.status(api.create("/bin/true")).owner == "carol"
        tls.refused(d, *ca.issue("x", sans=[], common_name="Carol Smith"))


# --- TLS ---------------------------------------------------------------------

def test_tls_1_2(daemon):
    why = tls.refused(daemon, *daemon.cert("alice"), maximum=ssl.TLSVersion.TLSv1_2)
    assert "protocol version" in why or "unsupported protocol" in why, why


SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


@pytest.mark.parametrize("suite", SUITES)
def test_suite_taken(daemon, suite):
    got, said = tls.s_client(daemon, "-ciphersuites", suite)
    assert got and suite in said, said[-800:]


@pytest.mark.parametrize("suite", ["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"])
def test_suite_refused(daemon, suite):
    got, said = tls.s_client(daemon, "-ciphersuites", suite)
    assert not got and "handshake failure" in said.lower(), said[-800:]


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
def test_group_taken(daemon, group):
    got, said = tls.s_client(daemon, "-groups", group)
    assert got, said[-800:]


@pytest.mark.parametrize("group", ["P-521", "X448", "ffdhe2048"])
def test_group_refused(daemon, group):
    got, said = tls.s_client(daemon, "-groups", group)
    assert not got and "alert" in said.lower(), said[-800:]


def test_hello_retry_request(daemon):
    """The client guesses a group that the server lacks and offers one that it has."""
    got, said = tls.s_client(daemon, "-groups", "P-521:P-384")
    assert got, said[-800:]


def test_no_alpn(daemon):
    tls.refused(daemon, *daemon.cert("alice"), alpn=())


@pytest.mark.parametrize("alpn", [("http/1.1",), ("h2c",), ("h3", "http/1.1")],
                         ids=["http1", "h2c", "h3"])
def test_wrong_alpn(daemon, alpn):
    tls.refused(daemon, *daemon.cert("alice"), alpn=alpn)


def test_h2_among_others_is_taken(daemon):
    takes(daemon, daemon.cert("alice"), alpn=("http/1.1", "h2"))


def test_no_session_tickets(daemon):
    """No resumption: one full handshake, one identity, one process."""
    got, said = tls.s_client(daemon)
    assert got and "New Session Ticket" not in said and "NewSessionTicket" not in said


def test_early_data_is_refused(daemon, tmp_path):
    session = tmp_path / "session"
    tls.s_client(daemon, "-sess_out", str(session))
    assert not session.exists() or "Max Early Data: 0" in tls.s_client(
        daemon, "-sess_in", str(session))[1] or not session.read_bytes()


@pytest.mark.parametrize("kind", ["p384", "rsa2048"])
def test_server_keys_of_other_types(kind):
    with Daemon(users=("alice",), server_key_type=kind) as d:
        takes(d, d.cert("alice"))
        assert d.api("alice").create("/bin/true")


# --- the audit ---------------------------------------------------------------

def test_audit_names_user_peer_and_certificate(daemon, ca):
    cert, key = ca.issue("bob")
    api = daemon.api("bob", cert=cert, key=key)
    job_id = api.create("/bin/true")
    parsed = x509.load_pem_x509_certificate(cert.read_bytes())
    serial = f"{parsed.serial_number:x}"
    fingerprint = parsed.fingerprint(hashes.SHA256()).hex()
    line = [x for x in daemon.log().splitlines()
            if "audit:" in x and "op=CreateJob" in x and job_id in x]
    assert len(line) == 1
    for word in ("user=bob", "peer=127.0.0.1:", "code=OK"):
        assert word in line[0], line
    assert serial in line[0].lower() and fingerprint[:16] in line[0].lower(), line
