"""Stages of a module that a test makes, in a folder of their own."""

from repro.stages.graph import Stage

# Written as acted.py: it notes its name, and fails where a name says so.
ACTED = """
import os, pathlib, signal, sys, time

def main():
    name = sys.argv[1]
    if name == "bad" or (name == "shaky" and not pathlib.Path("shaken").exists()):
        pathlib.Path("shaken").touch()
        sys.exit("error: bad.csv: column x is empty; fill it")
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "slow":
        pathlib.Path("slow.pid").write_text(str(os.getpid()))
        time.sleep(600)
    with open("order", "a") as file:
        file.write(f"{name}\\n")
    for place in sys.argv[2:]:
        pathlib.Path(place).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(place).write_text(name)

if __name__ == "__main__":
    main()
"""


def stage(name: str, makes: str, *reads: str, file: str = "dvc.yaml") -> Stage:
    """A stage of that name, by default in the root file; it makes a file."""
    command = f"python -m acted {name} {makes}"
    return Stage(file, name, None, command, ".", reads, (), {makes: True})
