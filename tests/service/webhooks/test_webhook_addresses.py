"""Which addresses may be called, and what is refused for what it says."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.addresses import LONGEST_URL, check_url, networks, why_denied
from service.refusals import Refusal
from tests.support import hostile

EVERYTHING = networks("0.0.0.0/0, ::/0")


def test_there_are_enough_hostile_urls() -> None:
    assert len(set(hostile.URLS)) == len(hostile.URLS)
    assert len(hostile.URLS) >= 80


@pytest.mark.parametrize("url", hostile.URLS, ids=ascii)
def test_a_hostile_url_is_refused_as_it_is_saved(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_url(url.format(port=8080), ())
    assert caught.value.field == "url"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", hostile.NAMES)
def test_what_a_name_means_is_not_asked_as_it_is_saved(name: str) -> None:
    assert check_url(f"https://{name}/", ()).address is None


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_called_that_python_knows_to_be_special(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert why_denied(address, ()) is not None


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_is_called_that_python_knows_to_be_special(address: IPv6Address) -> None:
    inside = address.ipv4_mapped or address.sixtofour or (address.teredo or [None])[0]
    if not address.is_global or address.is_multicast or inside is not None:
        assert why_denied(address, ()) is not None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0/96", "64:ff9b::/96", "::/96", "::ffff:0:0:0/96"]))
def test_an_ipv4_address_in_ipv6_clothes_is_never_called(address: IPv4Address, prefix: str) -> None:
    dressed = ipaddress.ip_network(prefix)[int(address)]
    if dressed == IPv6Address("::1"):
        return
    assert why_denied(dressed, ()) is not None
    assert why_denied(dressed, EVERYTHING) is not None


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "192.0.1.1", "198.20.0.1", "223.255.255.255",
     "2606:4700::1111", "2a00:1450::1"],
)  # fmt: skip
def test_public_addresses_are_called(text: str) -> None:
    assert why_denied(ipaddress.ip_address(text), ()) is None


@pytest.mark.parametrize(
    ("address", "allowed", "denied"),
    [
        ("10.1.2.3", "10.1.0.0/16", None),
        ("10.2.2.3", "10.1.0.0/16", "private"),
        ("127.0.0.1", "127.0.0.0/8", None),
        ("::1", "127.0.0.0/8", "loopback"),
        ("fd00::1", "fd00::/16", None),
        ("169.254.169.254", "0.0.0.0/0", "cloud metadata"),
        ("169.254.1.1", "169.254.0.0/16", "link-local"),
        ("fd00:ec2::254", "fd00::/8", "cloud metadata"),
        ("100.100.100.200", "100.64.0.0/10", "cloud metadata"),
        ("0.0.0.0", "0.0.0.0/0", "unspecified"),
        ("224.0.0.1", "0.0.0.0/0", "multicast"),
        ("::ffff:10.1.2.3", "10.0.0.0/8, ::/0", "IPv4 mapped into IPv6"),
        ("64:ff9b::a01:203", "::/0", "NAT64"),
    ],
)
def test_the_operator_opens_private_networks_and_nothing_else(
    address: str, allowed: str, denied: str | None
) -> None:
    assert why_denied(ipaddress.ip_address(address), networks(allowed)) == denied


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("https://Hooks.EXAMPLE.com:443/A?b=C", "https://hooks.example.com/A?b=C"),
        ("https://hooks.example.com:8443/a%20b", "https://hooks.example.com:8443/a%20b"),
        ("https://hooks.example.com?x=1", "https://hooks.example.com/?x=1"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:0::1111]:8443/", "https://[2606:4700::1111]:8443/"),
        ("https://under_score.example/", "https://under_score.example/"),
    ],
)
def test_a_url_is_kept_in_one_form(url: str, kept: str) -> None:
    assert check_url(url, ()).url == kept
    assert check_url(kept, ()).url == kept


def test_http_is_for_allowed_networks() -> None:
    allowed = networks("10.0.0.0/8")
    assert check_url("http://10.0.0.1/", allowed).scheme == "http"
    assert check_url("http://receiver.intern/", allowed).scheme == "http"  # judged again when it is dialled
    for url in ("http://8.8.8.8/", "http://192.168.0.1/", "http://localhost/"):
        with pytest.raises(Refusal):
            check_url(url, allowed)


def test_a_url_has_a_longest_length() -> None:
    begun = "https://example.com/"
    longest = begun + "a" * (LONGEST_URL - len(begun))
    assert check_url(longest, ()).url == longest
    with pytest.raises(Refusal, match="2001 characters"):
        check_url(longest + "a", ())


@given(st.text(max_size=40))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    for url in (text, f"https://{text}/", f"https://example.com/{text}"):
        try:
            found = check_url(url, ())
        except Refusal:
            continue
        assert found.url.isascii()
        assert found.url.isprintable()
        assert check_url(found.url, ()) == found


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "nonsense", "10.0.0.0/8;11.0.0.0/8"])
def test_a_network_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|octet|netmask|host bits"):
        networks(text)
