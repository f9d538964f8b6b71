"""The check before images are tested: an error for a missing image, a word about one of another commit."""

import json
import sys

from deploy.images.__main__ import revision
from deploy.images.engine import buildah, image_of
from deploy.services import services

REVISION = "org.opencontainers.image.revision"


def main() -> None:
    images = [image_of(service) for service in services()]
    if absent := [image for image in images if not buildah("images", "--quiet", "--filter", f"reference={image}")]:
        sys.exit(f"{', '.join(absent)}: not there; `make images` builds them")
    commit, _ = revision()
    for image in images:
        labels = json.loads(buildah("inspect", "--type=image", image))["OCIv1"]["config"]["Labels"]
        if labels[REVISION] != commit:
            print(f"{image} is of commit {labels[REVISION][:12]}, this tree of {commit[:12]}: `make images` builds it anew", flush=True)


if __name__ == "__main__":
    main()
