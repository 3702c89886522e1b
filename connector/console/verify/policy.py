"""The content policy of pages with providers' logos, and of the page that opens Onfido's Web SDK."""

from __future__ import annotations

import re
from collections.abc import Sequence

from connector.console.headers import POLICY

MOST_ORIGINS = 20  # of images on one page
SDK_URL = "https://sdk.onfido.com/v14"
_ONFIDO = "https://*.onfido.com"
# An origin as a policy can name it: an image's address may hold characters that would end its directive.
_ORIGIN = re.compile(r"https://[a-z0-9.-]+(?::[0-9]+)?(?=[/?#]|$)", re.IGNORECASE)
# The SDK's needs: it loads code and data from Onfido's hosts, writes styles, and shows the captured pictures.
_SDK = {
    "script-src": f"{_ONFIDO} 'wasm-unsafe-eval'",
    "style-src": f"'unsafe-inline' {_ONFIDO}",
    "img-src": f"blob: {_ONFIDO}",
    "font-src": f"data: {_ONFIDO}",
    "connect-src": f"blob: data: {_ONFIDO} wss://*.onfido.com",
    "media-src": f"'self' blob: data: {_ONFIDO}",
    "worker-src": "'self' blob:",
    "frame-src": f"'self' blob: {_ONFIDO}",
}
SDK_PERMISSIONS = "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()"


def page_policy(*images: str) -> str:
    """Return the policy of a page with providers' logos; each must be one of `loadable`."""
    origins = dict.fromkeys(origin for each in images if (origin := _origin(each)))
    return _with({"img-src": " ".join(origins)} if origins else {})


def loadable(images: Sequence[str]) -> set[str]:
    """Return the images that one page can load: those of the first origins, because its policy names each."""
    origins = dict.fromkeys(origin for each in images if (origin := _origin(each)))
    allowed = {None, *list(origins)[:MOST_ORIGINS]}
    return {each for each in images if logo_of(each) and _origin(each) in allowed}


def sdk_policy(image: str) -> str:
    """Return the policy of the page that opens the Web SDK."""
    more = dict(_SDK)
    if origin := _origin(image):
        more["img-src"] += f" {origin}"
    return _with(more)


def logo_of(image: str) -> str | None:
    """Return the address of a provider's logo if browsers can load it: an https address, or a path here."""
    return image if image.startswith("/") or _origin(image) else None


def _origin(image: str) -> str | None:
    origin = _ORIGIN.match(image)
    return origin[0] if origin else None


def _with(more: dict[str, str]) -> str:
    directives = dict(each.strip().split(" ", 1) for each in POLICY.split(";"))
    names = [*directives, *(name for name in more if name not in directives)]
    return "; ".join(" ".join(filter(None, (name, directives.get(name), more.get(name)))) for name in names)
