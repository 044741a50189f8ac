"""URLs that want to get inside: each is one way of saying loopback, a private network or cloud metadata.

`{port}` is where a canary listens on loopback. URLS are refused for what they say; NAMES look harmless and
mean an address that they should not.
"""

from __future__ import annotations

from collections.abc import Mapping

URLS: tuple[str, ...] = (
    # loopback, plainly and by its other numbers
    "http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "HTTPS://127.0.0.1:{port}/",
    "https://127.1.2.3:{port}/", "https://127.255.255.254:{port}/", "https://localhost:{port}/",
    "https://LOCALHOST:{port}/", "https://a.localhost:{port}/", "https://[::1]:{port}/",
    "https://[0:0:0:0:0:0:0:1]:{port}/", "https://[0000::0001]:{port}/",
    # addresses in forms that some programs read
    "https://2130706433:{port}/", "https://0x7f000001:{port}/", "https://0x7f.0.0.1:{port}/",
    "https://0177.0.0.1:{port}/", "https://017700000001:{port}/", "https://127.1:{port}/",
    "https://127.0.1:{port}/", "https://127.0.0.01:{port}/", "https://0x7f.1:{port}/", "https://0:{port}/",
    "https://127.0.0.1.:{port}/", "https://localhost.:{port}/", "https://127.0.0.0x1:{port}/",
    "https://127.0.0.256:{port}/", "https://4294967297:{port}/", "https://00000177.0.0.1:{port}/",
    # other signs that become digits and dots
    "https://１２７.０.０.１:{port}/", "https://①②⑦.⓪.⓪.①:{port}/", "https://127。0。0。1:{port}/",
    "https://127．0．0．1:{port}/", "https://ⓛocalhost:{port}/", "https://𝐥𝐨𝐜𝐚𝐥𝐡𝐨𝐬𝐭:{port}/",
    "https://%31%32%37.0.0.1:{port}/", "https://127.0.0.%31:{port}/", "https://local%68ost:{port}/",
    "https://ſocalhost.localhost:{port}/", "httpſ://127.0.0.1:{port}/",
    # IPv4 inside IPv6
    "https://[::ffff:127.0.0.1]:{port}/", "https://[::ffff:7f00:1]:{port}/", "https://[::127.0.0.1]:{port}/",
    "https://[::ffff:0:127.0.0.1]:{port}/", "https://[64:ff9b::127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/", "https://[64:ff9b:1::7f00:1]:{port}/",
    "https://[64:ff9b:1:ffff::10.0.0.1]:{port}/", "https://[2002:7f00:1::]:{port}/",
    "https://[2002:a9fe:a9fe::1]:{port}/", "https://[2001:0:7f00:1::80ff:fffe]:{port}/",
    "https://[::ffff:169.254.169.254]/", "https://[::ffff:10.0.0.1]/",
    # metadata, link-local, multicast, unspecified, broadcast and other special addresses
    "https://169.254.169.254/latest/meta-data/", "https://169.254.0.1/", "https://169.254.170.2/v2/",
    "https://[fd00:ec2::254]/latest/", "https://[fd20:ce::254]/", "https://100.100.100.200/",
    "https://168.63.129.16/", "https://192.0.0.192/", "https://[fe80::1]:{port}/",
    "https://[fe80::1%25lo]:{port}/", "https://[fe80::1%lo]:{port}/", "https://[fec0::1]/",
    "https://224.0.0.1/", "https://239.255.255.250/", "https://[ff02::1]/", "https://0.0.0.0:{port}/",
    "https://0.1.2.3/", "https://[::]:{port}/", "https://255.255.255.255/", "https://240.0.0.1/",
    "https://192.88.99.1/", "https://[100::1]/", "https://[4000::1]/", "https://[2001:20::1]/",
    # private networks
    "https://10.0.0.1/", "https://10.255.255.255/", "https://172.16.0.1/", "https://172.31.255.255/",
    "https://192.168.0.1/", "https://100.64.0.1/", "https://198.18.0.1/", "https://192.0.2.1/",
    "https://198.51.100.1/", "https://203.0.113.1/", "https://[fc00::1]/", "https://[fd12:3456::1]/",
    "https://[2001:db8::1]/", "https://[3fff::1]/",
    # texts that two readers take apart in two ways
    "https://user:hunter2@127.0.0.1:{port}/", "https://example.com@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\@example.com/", "https://example.com\\@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}#@example.com/", "https://example.com#@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}?@example.com/", "https://[::1]example.com:{port}/",
    "https://[example.com]:{port}/", "https://[::1:{port}/", "https:127.0.0.1:{port}/",
    "https:/127.0.0.1:{port}/", "https:///127.0.0.1:{port}/", "//127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\r\nHost: example.com/", "https://example.com/\r\nX: y", "https://exa\tmple.com/",
    " https://127.0.0.1:{port}/", "https://127.0.0.1 :{port}/", "https://example.com:{port}:80/",
    "https://example.com:99999/", "https://example.com:0/", "https://example.com:-1/",
    "https://example.com:٨٠/", "https://example.com/\x00", "https://example.com/ a", "https://-a.example/",
    "https://a..example/", "https://.example/", "https:///path", "https://", "https://example.com/é",
    # other ways than HTTPS
    "http://example.com/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1:{port}/",
    "dict://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}/", "javascript:alert(1)", "data:text/plain,x",
    "unix:///var/run/docker.sock", "ws://127.0.0.1:{port}/", "", "127.0.0.1:{port}",
)  # fmt: skip

#: Name -> what its DNS says. Every one is blocked when it is dialled.
NAMES: Mapping[str, tuple[str, ...]] = {
    "loopback.example": ("127.0.0.1",),
    "loopback6.example": ("::1",),
    "far-loopback.example": ("127.8.8.8",),
    "mapped.example": ("::ffff:127.0.0.1",),
    "compatible.example": ("::127.0.0.1",),
    "translated.example": ("::ffff:0:127.0.0.1",),
    "nat64.example": ("64:ff9b::7f00:1",),
    "local-nat64.example": ("64:ff9b:1::7f00:1",),
    "six-to-four.example": ("2002:7f00:1::1",),
    "teredo.example": ("2001:0:7f00:1::1",),
    "metadata.example": ("169.254.169.254",),
    "metadata6.example": ("fd00:ec2::254",),
    "link-local.example": ("fe80::1%lo",),
    "private.example": ("10.0.0.1",),
    "unspecified.example": ("0.0.0.0",),
    "unspecified6.example": ("::",),
    "multicast.example": ("224.0.0.251",),
    "broadcast.example": ("255.255.255.255",),
    # one good address does not excuse the other, wherever it stands
    "mixed-last.example": ("93.184.215.14", "127.0.0.1"),
    "mixed-first.example": ("127.0.0.1", "93.184.215.14"),
    "mixed-six.example": ("2606:2800:21f:cb07::1", "::1"),
}
