"""Print the jobs of a .travis.yml as JSON, in the order of their stages: travis.py FILE TYPE BRANCH.

Only what our pipelines use: conditions of builds and stages, a job's keys before those of the file.
"""

import json
import re
import sys
from pathlib import Path

import yaml

KEYS = ["before_install", "install", "before_script", "script"]


def holds(condition: str, known: dict[str, str]) -> bool:
    """Evaluate a condition: names and words, =, IN, AND, OR, NOT and brackets."""

    def translate(found: re.Match[str]) -> str:
        word = found[0]
        if word in {"AND", "OR", "NOT", "IN"}:
            return word.lower()
        return repr(known.get(word, word))

    text = re.sub(r"\w+", translate, condition).replace("=", "==")
    return bool(eval(text, {"__builtins__": {}}))  # a file of ours


def as_list(value: object) -> list[str]:
    return value if isinstance(value, list) else [] if value in (None, "skip") else [str(value)]


config = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
known = {"type": sys.argv[2], "branch": sys.argv[3]}
stages = [{"name": stage} if isinstance(stage, str) else stage for stage in config["stages"]]
jobs = []
for stage in stages if holds(config["if"], known) else []:
    if holds(stage.get("if", "true = true"), known):
        for job in config["jobs"]["include"]:
            if job["stage"] == stage["name"]:
                phases = {key: as_list(job.get(key, config.get(key))) for key in KEYS}
                known_job = {"name": job["name"], "python": job.get("python", ""), "env": config["env"]["global"]}
                jobs.append({**known_job, "cache": config["cache"]["directories"], **phases})
json.dump(jobs, sys.stdout)
