"""Kinds of devices, read coarsely from the `User-Agent` header: enough to recognise one's own session, too little to recognise a person."""

DEVICES = {
    "mini_program": ("微信小程序", "WeChat mini program"),
    "wechat": ("微信", "WeChat"),
    "phone": ("手机", "phone"),
    "tablet": ("平板电脑", "tablet"),
    "computer": ("电脑", "computer"),
    "other": ("其他设备", "other device"),
}
_SIGNS = (
    ("mini_program", ("miniprogram",)),
    ("wechat", ("micromessenger",)),
    ("tablet", ("ipad", "tablet", "kindle", "silk/")),
    ("phone", ("iphone", "ipod", "mobile", "windows phone")),
    # Android without `Mobile` is a tablet; HarmonyOS names phones `Phone`.
    ("phone", ("openharmony", "harmonyos")),
    ("tablet", ("android",)),
    ("computer", ("windows nt", "macintosh", "x11", "cros ", "linux x86_64", "linux aarch64")),
)


def device_of(user_agent: str) -> str:
    """Return the kind of the device that sent this header, a key of `DEVICES`."""
    said = user_agent[:500].lower()
    return next((device for device, signs in _SIGNS if any(sign in said for sign in signs)), "other")
