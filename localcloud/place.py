"""Which models bucket is meant: the local cloud's, or a stack's on AWS."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bonafide.settings import settings

from localcloud.cloud import ROOT, LocalCloud
from localcloud.deploy import deploy

__all__ = ["use"]


def use(environment: Mapping[str, str]) -> str:
    """Let the core's adapters speak to it for the life of this process; returns its name for people.

    ``STACK`` names a stack of the AWS account of the caller's credentials; without it the local cloud is
    meant, and started if it is down.
    """
    stack = environment.get("STACK")
    if stack:
        outputs, name = _outputs(stack), f"stack {stack} on AWS"
    else:
        cloud = LocalCloud(environment.get("BONAFIDE_LOCAL") or ROOT / ".local")
        cloud.start()
        if "ModelsBucket" not in cloud.outputs():
            deploy(cloud)
        outputs, name = cloud.outputs(), "the local cloud"
        for key in [key for key in os.environ if key.startswith("AWS_")]:
            del os.environ[key]
        os.environ.update(cloud.aws_env())
    os.environ.update(
        {
            "TABLE_NAME": outputs["Table"],
            "MEDIA_BUCKET": outputs["MediaBucket"],
            "EVENT_BUS_NAME": outputs["Bus"],
            "MODELS_BUCKET": outputs["ModelsBucket"],
        }
    )
    settings.cache_clear()
    return name


def _outputs(stack: str) -> dict[str, str]:
    import boto3

    (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}
