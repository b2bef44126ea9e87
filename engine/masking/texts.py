"""Secrets that are written alike wherever they stand: connection strings, headers, URLs, tokens, script literals.

Each pattern has a group `secret`. Whatever is taken without bound is never given back (`++`, `*+`), and stops at a sign
that the pattern begins with: so that reading takes time in proportion to the line, whatever stands in it.
"""

from __future__ import annotations

import re

from engine.masking.grammars import LONG

_SHORT = r"(?:(?<![a-z])(?:pass|pwd|secret)|(?:(?<=--)|(?<![\w-]))token)"
_LITERAL = r"\\{0,3}[\"'](?P<secret>[^\"']++)"
_PLAIN = r"[^\s\"'\\;,}]"

LINE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # https://bob:secret@host
        r"://[^/\s:@\"'<>]{0,256}+:(?P<secret>[^/\s@?#\"'<>]++)(?=@)",
        # a signature or a key in a URL's query; a Functions key is told from other codes by its length
        rf"[?&;](?:sig|{LONG}|pass|pwd|secret|token)=(?P<secret>[^&\s\"'#<>;]++)",
        r"[?&]code=(?P<secret>[\w%=/+-]{40,}+)",
        r"\bsig=(?P<secret>[\w%+/=-]{20,}+)",
        # Authorization: Bearer secret, and a bearer token without its header
        (
            rf"\bauthorization\\?[\"']?\s{{0,2}}[:=]\s{{0,2}}\\?[\"']?(?:basic|bearer|token|digest|negotiate)\s{{1,3}}(?!\$)"
            rf"(?P<secret>{_PLAIN}++)"
        ),
        r"\bbearer\s{1,3}(?P<secret>[\w.~+/=-]{16,}+)",
        (
            rf"\b(?:x-[a-z-]{{0,20}}(?:key|token)|api-key|private-token|ocp-apim-subscription-key)\\?[\"']?\s{{0,2}}[:=]"
            rf"\s{{0,2}}\\?[\"']?(?!\$)(?P<secret>{_PLAIN}++)"
        ),
        # tokens that say what they are
        r"(?<![\w-])(?P<secret>eyJ[\w-]{10,}+\.[\w-]{10,}+(?:\.[\w-]*+)?)",
        r"(?<![\w-])(?P<secret>(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|npm_)[\w-]{20,}+)",
        # "password": "secret"
        rf"(?:{LONG}|{_SHORT})\\{{0,3}}[\"']\s{{0,2}}:\s{{0,2}}{_LITERAL}",
        # $password = 'secret'; 'secret' | ConvertTo-SecureString; NetworkCredential('bob', 'secret')
        rf"\$[\w:]{{0,40}}(?:pass|{LONG}|pwd|secret|token)\s{{0,4}}=\s{{0,4}}{_LITERAL}",
        r"[\"'](?P<secret>[^\"']++)[\"']\s{0,4}\|\s{0,4}convertto-securestring",
        rf"networkcredential[\"']?[^\"'|;]{{0,40}}[\"'][^\"']{{0,256}}+[\"']\s{{0,2}},\s{{0,2}}{_LITERAL}",
        # hashes and keys that sign in as a password does
        r"[/-](?:ntlm|rc4|aes128|aes256|hashes)[:\s]\s{0,2}(?P<secret>(?:[0-9a-f]{32})?:?[0-9a-f]{32,64})",
        # corp/bob:secret@host, as impacket's programs take it
        r"(?<![^\s\"'])[\w.-]{0,64}+/[\w.$-]{1,64}+:(?P<secret>[^\s@/:\"']++)(?=@(?!sha256))",
    )
)
"""Read over the whole line."""

WORD = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Password=secret; quotes or braces may hold what would end it
        (
            rf"(?<![?&])(?:{LONG}|{_SHORT})\s{{0,2}}=\s{{0,2}}(?!read-host|get-|convertto-|import-|\$\()"
            r"(?P<quote>\\{0,3}+[\"'])?(?P<secret>(?(quote)[^\"']++|(?:\{[^}\"']{0,256}+\}|[^;\"'\s]++)))"
        ),
        # Server=x;Password=two words;
        r";\s{0,4}(?:password|pwd)\s{0,2}=\s{0,2}(?P<secret>[^;\"'\\{]++)",
        r"(?<=[\"'])(?:password|pwd)\s{0,2}=\s{0,2}(?P<secret>[^;\"'\\{]++)(?=;\s{0,4}\w[\w ]{0,30}=)",
    )
)
"""Read over each word for itself, so that a quote that closes one is none that opens a value."""
