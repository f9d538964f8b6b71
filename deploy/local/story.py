"""The printed story of the sandbox: a crooked list of needs becomes a delivery, by commands to paste."""

import os
import shlex
from importlib.resources import files
from pathlib import Path


def write_story(folder: Path, origin: str, secret: str) -> str:
    """Put the story and the school's list into the house's folder, readable by its owner alone; return the story."""
    story = read_story(folder, origin, secret)
    _write_private(folder / "story.sh", story.encode())
    # Offices save lists by spreadsheets, which write GB 18030.
    _write_private(folder / "needs.csv", files("deploy.local").joinpath("needs.csv").read_text("utf-8").encode("gb18030"))
    return story


def read_story(folder: Path, origin: str, secret: str) -> str:
    """Return the commands of the story, which begin with the address and folder of this house, and the township's TOTP secret."""
    begin = f"O={origin} D={shlex.quote(str(folder))} SECRET={secret}  # 本机地址、数据文件夹、镇管理员的动态验证码密钥\n"
    return begin + files("deploy.local").joinpath("story.sh").read_text("utf-8")


def _write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
