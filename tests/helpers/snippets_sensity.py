"""The vendor's request samples and receiver, word for word (API reference v2.38.1), and a way to run them.

Only the host, the two placeholders of credentials and the placeholders in paths are replaced.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

__all__ = ["CURL", "RECEIVER", "curl", "lines"]

HOST = "https://api.sensity.ai"

CURL = r"""
curl --request DELETE \
  --url https://api.sensity.ai//auth/tokens \
  --header 'Authorization: Basic REPLACE_BASIC_AUTH'

curl --request GET \
  --url https://api.sensity.ai//auth/tokens \
  --header 'Authorization: Basic REPLACE_BASIC_AUTH'

curl --request POST \
  --url https://api.sensity.ai//auth/tokens \
  --header 'Authorization: Basic REPLACE_BASIC_AUTH'

curl --request DELETE \
  --url https://api.sensity.ai//auth/tokens/{id} \
  --header 'Authorization: Basic REPLACE_BASIC_AUTH'

curl --request GET \
  --url https://api.sensity.ai//auth/tokens/{id} \
  --header 'Authorization: Basic REPLACE_BASIC_AUTH'

curl --request POST \
  --url https://api.sensity.ai/tasks/face_manipulation \
  --header 'Authorization: REPLACE_KEY_VALUE' \
  --header 'content-type: multipart/form-data' \
  --form file=string \
  --form explain=false \
  --form url=string

curl --request GET \
  --url https://api.sensity.ai/tasks/face_manipulation/{id} \
  --header 'Authorization: REPLACE_KEY_VALUE'

curl --request POST \
  --url https://api.sensity.ai/tasks/ai_generated_image_detection \
  --header 'Authorization: REPLACE_KEY_VALUE' \
  --header 'content-type: multipart/form-data' \
  --form file=string \
  --form explain=false \
  --form url=string

curl --request GET \
  --url https://api.sensity.ai/tasks/ai_generated_image_detection/{id} \
  --header 'Authorization: REPLACE_KEY_VALUE'

curl --request POST \
  --url https://api.sensity.ai/tasks/voice_analysis \
  --header 'Authorization: REPLACE_KEY_VALUE' \
  --header 'content-type: application/x-www-form-urlencoded' \
  --data file=string \
  --data explain=false \
  --data transcribe=true \
  --data url=string

curl --request GET \
  --url https://api.sensity.ai/tasks/voice_analysis/{id} \
  --header 'Authorization: REPLACE_KEY_VALUE'

curl --request POST \
  --url https://api.sensity.ai/tasks/forensic_analysis \
  --header 'Authorization: REPLACE_KEY_VALUE' \
  --header 'content-type: multipart/form-data' \
  --form file=string \
  --form is_extract_images=false \
  --form additional_info=string \
  --form url=string

curl --request GET \
  --url https://api.sensity.ai/tasks/forensic_analysis/{id} \
  --header 'Authorization: REPLACE_KEY_VALUE'

curl --request DELETE \
  --url https://api.sensity.ai//webhooks/{event} \
  --header 'Authorization: REPLACE_KEY_VALUE'

curl --request GET \
  --url https://api.sensity.ai//webhooks/{event} \
  --header 'Authorization: REPLACE_KEY_VALUE'

curl --request POST \
  --url https://api.sensity.ai//webhooks/{event} \
  --header 'Authorization: REPLACE_KEY_VALUE' \
  --header 'content-type: application/x-www-form-urlencoded' \
  --data url=string

curl --request DELETE \
  --url https://api.sensity.ai//webhooks/{event}/%7Bid%7D \
  --header 'Authorization: REPLACE_KEY_VALUE'
"""

RECEIVER = """
const express = require("express");
const cors = require("cors");
const bodyParser = require("body-parser");

const app = express();
const port = 3000;

app.use(bodyParser.json());
app.use(cors());

app.post("/webhook", (req, res) => {
  // do logic here
  console.log(req.body);

  res.status(200).send("Success");
});

app.listen(port, () => {
  console.log(`Listening at http://localhost:${port}`);
});
"""


def lines(method: str, path: str) -> str:
    """Return the sample of a request, as it stands there."""
    samples = CURL.strip().split("\n\n")
    (found,) = [
        one
        for one in samples
        if f"--request {method} " in one and f"--url {HOST}{path} " in one.replace("\n", " ")
    ]
    return found


def curl(sample: str, base_url: str, **replaced: str) -> tuple[int, Any]:
    """Run a sample against another host; returns status and JSON. ``replaced``: by placeholder."""
    for name, value in {HOST: base_url, **replaced}.items():
        sample = sample.replace(name, value)
    words = shlex.split(sample.replace("\\\n", " "))
    done = subprocess.run(
        [*words, "--silent", "--show-error", "--write-out", "\n%{http_code}"],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)
