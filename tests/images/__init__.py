"""Container functions without Docker: task root from the Dockerfile, Runtime API from aws-lambda-rie."""
