"""Every lint of the project, one line each: ``python -m tests.lint [name …]`` (part of ``make check``).

A lint that cannot run here says why; with ``--strict`` (what .ci/run asks for) that is a failure.
statelint is not among them: it exists as a Ruby gem only; asl-validator and tests/template/test_workflow.py
cover what it looks at.
"""
