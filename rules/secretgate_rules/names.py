"""Classifies names of variables, members and headers by whether their values are credentials.

A name is split into words (`dbPassword`, `DB_PASSWORD` and `db-password` are equal) and assigned a
tier, which says how likely the value is a credential, and so how random it must be.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from .memo import remembered
from .randomness import evidence


class Tier(IntEnum):
    """How strongly a name suggests that its value is a credential."""

    NONE = 0
    KEY = 1
    """`fooKey`: a key of some kind; the value must be clearly random."""
    SECRET = 2
    """`api_key`, `token`, `client_secret`: the value must be random."""
    PASSWORD = 3
    """`password`: the value may be chosen by a person."""


_WORD = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_PASSWORD = frozenset(
    b"password passwd passphrase passwort passcode pwd pass pgpassword mysqlpwd psw userpass "
    b"passwords dbpass dbpassword rootpass bindpw pw passe mdp contrasena motdepasse kennwort wachtwoord senha authtok".split()
)
_SECRET = frozenset(
    b"secret secrets token tokens apikey apikeys apitoken apisecret authtoken accesstoken accesskey "
    b"secretkey privatekey privkey authkey credential credentials cred creds auth authorization "
    b"bearer jwt pat clientsecret appsecret sessionkey signingkey encryptionkey masterkey "
    b"webhooksecret oauth otp totp mnemonic dsn salt pepper hmac xoxb passwordsalt passwordsaltmain".split()
)
_KEY = frozenset(b"key keys passkey appkey userkey keystring sk apitokens".split())
_KEY_OF = frozenset(
    b"api access secret private priv signing signature encryption encrypt decryption master account auth "
    b"authentication shared storage service license licence admin app application deploy session "
    b"webhook hmac jwt root user client consumer developer dev write read server account "
    b"ingestion ingest management mgmt subscription sdk integration rest project team org organization personal live prod "
    b"production test sandbox staging crypto cipher aes symmetric wallet ssh tls ssl".split()
)
_NOT = frozenset(
    b"public pub pubkey publickey primary foreign cache sort partition row idempotency object lookup translation "
    b"message msg unique csrf xsrf csrfmiddlewaretoken next page continuation sync cursor pagination resume max num "
    b"tokenizer keyboard keyword keywords keyframe keycode monkey registry map dict index hashed "
    b"encrypted masked redacted fake hot shortcut binding react storagekey query group column "
    b"tag i18n locale dedup dedupe event etag nonce kms candidate trace span correlation bucket "
    b"change changes delta sequence progress routing thumb thumbprint fingerprint integrity checksum sha sha1 "
    b"sha256 sha512 md5 digest blob commit revision rev lease build toolu call tool "
    b"instrumentation ikey sitekey rsasigkey version author authors issuer keyhash prompt".split()
)
_NEVER = frozenset(
    b"public pub pubkey publickey hashed encrypted masked redacted fake thumbprint fingerprint checksum sha sha1 "
    b"sha256 sha512 md5 digest keyhash csrf xsrf csrfmiddlewaretoken cache idempotency nonce".split()
)
"""Words of `_NOT` that exclude even a full credential name (`_IN_FULL`): `shortcut_api_key` names
a credential, `public_api_key` does not."""
_IN_FULL = frozenset(
    (
        (b"access", b"key"),
        (b"access", b"token"),
        (b"api", b"key"),
        (b"api", b"token"),
        (b"api", b"secret"),
        (b"client", b"secret"),
        (b"secret", b"key"),
        (b"encryption", b"key"),
        (b"auth", b"token"),
        (b"refresh", b"token"),
        (b"registry", b"credentials"),
        (b"registry", b"secret"),
        (b"registry", b"token"),
    )
)
_NOT_LAST = frozenset(
    b"id ids name names type types url uri urls uris path paths file files filename dir directory "
    b"folder length len size sizes count counts expires expiry expiration expire ttl version hash "
    b"digest algorithm alg algo format prefix suffix label title field fields header headers param "
    b"params env var hint policy regex pattern endpoint host issuer status enabled disabled required "
    b"usage limit limits index class style selector placeholder provider manager service store vault "
    b"alias ref arn input template kind scope scopes domain region date time at timeout age attempts "
    b"column table error errors message text description help link page form reset change changed "
    b"definition definitions strength validator validation callback handler function method module package "
    b"namespace state mode flag flags option options config settings budget usd cost price ratio "
    b"rate per total used remaining position offset start end begin line col pos identifier code "
    b"codes counter lifetime duration period interval bits bytes exists present valid invalid "
    b"source target map list array set item items entry entries parser lexer sender protected encryption stream model models "
    b"chain recovery gz attr attrs cf conf cfg yml yaml json py rb php md rst html xml toml crt png gif svg jpg jpeg webp ico css scss tsx jsx mjs cjs sub iss aud username usernames tokens address addresses version fingerprint thumbprint sig signature certificate cert color colour".split()
)
_TRAILERS = frozenset(
    b"value val string str b64 base64 hex enc plain plaintext raw data env new old current "
    b"default test prod dev live staging main primary secondary backup a b x ro rw v1 v2 me here".split()
)
_NONCES: Final = frozenset(
    (
        (b"sec", b"web", b"socket"),
        (b"sec", b"websocket", b"key"),
        (b"client", b"request", b"token"),
        (b"lifecycle", b"action", b"token"),
        (b"token", b"data"),
        (b"lock", b"token"),
        (b"ice", b"pwd"),
        (b"all", b"pass"),
        (b"any", b"pass"),
        (b"data", b"key"),
        (b"etc", b"passwd"),
        (b"crash", b"reporter", b"key"),
        (b"verify", b"key"),
        (b"site", b"key"),
        (b"recaptcha", b"site", b"key"),
        (b"hcaptcha", b"site", b"key"),
        (b"turnstile", b"site", b"key"),
        (b"resumption", b"token"),
        (b"x", b"google", b"sender"),
    )
)
"""WebSocket handshake headers (RFC 6455), AWS idempotency tokens, and what WebRTC offers to its peer
(RFC 8839): not secret from whom they are sent to, and used once. Functions of lodash and Ramda. Attributes of HTML.
A file of the system. A device in Apple's crash reports. A header of Gmail's. What signatures
are verified with. What a page shows a service that tells people from programs. The place in a stream of MCP."""
_REACT: Final = (b"react", b"app")
_SHOWN: Final = frozenset(
    (_REACT, (b"next", b"public"), (b"nuxt", b"public"), (b"expo", b"public"))
)
"""What names of variables begin with that are built into a web page: keys are meant to be public
there (all but those of `REACT_APP_`, where every variable begins so), passwords are not."""
_KEEP_ID = frozenset(b"secret role".split())

_SPLIT_JOINED: Final = re.compile(
    rb"(api|access|secret|private|auth|client|app|session|signing|encryption|master|user|db|root|admin|my|ssh|smtp|ftp|mail|ldap|vpn|wifi|bind|keystore|store|pg|mysql|mongo|redis|sftp|imap|http|smb|rdp|vnc|control)"
    rb"(key|token|secret|password|passwd|pass|pwd)$"
)


@remembered(4096)
def words(name: bytes) -> tuple[bytes, ...]:
    """Return the words of a name in lower case, without numbers."""
    found: list[bytes] = []
    for match in _WORD.findall(name):
        word = match.lower()
        if word.isdigit():
            continue
        joined = _SPLIT_JOINED.fullmatch(word)
        found += joined.groups() if joined else (word,)
    return tuple(found)


_LONG: Final = 32
_RANDOM: Final = 24.0
"""What is so long and so random is the end of a value in base64, not a name."""


@remembered(4096)
def tier(name: bytes) -> Tier:
    """Return the tier of a name."""
    parts = words(name[-96:])
    if parts[:2] in _SHOWN and (parts[:2] == _REACT or not _PASSWORD.isdisjoint(parts)):
        parts = parts[2:]
    if not parts or parts[:3] in _NONCES:
        return Tier.NONE
    while len(parts) > 1 and parts[-1] in _TRAILERS:
        parts = parts[:-1]
    last = parts[-1]
    if last in _NOT_LAST and not (last == b"id" and len(parts) > 1 and parts[-2] in _KEEP_ID):
        return Tier.NONE
    if parts[-2:] in _IN_FULL:
        excluded = not _NEVER.isdisjoint(words(name.rpartition(b".")[2]))
    else:
        excluded = not (_NEVER if last in _PASSWORD else _NOT).isdisjoint(parts)
    if excluded or parts[:3] in _NONCES:
        return Tier.NONE
    found = Tier.NONE
    for index, word in enumerate(parts):
        before = parts[index - 1] if index else b""
        if word in _PASSWORD or word.endswith((b"password", b"passwd", b"passphrase")):
            found = max(found, Tier.PASSWORD if index >= len(parts) - 2 else Tier.SECRET)
        elif word in _SECRET or word.endswith((b"token", b"secret", b"apikey")):
            found = max(found, Tier.SECRET)
        elif word in _KEY or (word.endswith(b"key") and index == len(parts) - 1):
            found = max(found, Tier.SECRET if before in _KEY_OF else Tier.KEY)
    return Tier.NONE if found and len(name) >= _LONG and evidence(name) > _RANDOM else found
