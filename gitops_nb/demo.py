"""The demo: sandbox cluster, example repository, App of Apps, one notebook sync, its history: ``make demo``."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
DEMO = ROOT / "runs" / "demo"


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def gitops_nb(*arguments: str, expected: int = 0) -> None:
    """Show a command and run it."""
    print(f"$ gitops-nb {' '.join(arguments)}", flush=True)
    done = subprocess.run([BIN / "gitops-nb", *arguments], check=False, cwd=ROOT)
    if done.returncode != expected:
        raise subprocess.CalledProcessError(done.returncode, done.args)


def kubectl(*arguments: str) -> None:
    """Show a command and run it, with the kubectl that the project installs."""
    print(f"$ kubectl {' '.join(arguments)}", flush=True)
    subprocess.run([BIN / "kubectl", *arguments], check=True, cwd=ROOT)


def make_repository() -> str:
    """A Git repository of the example folder, made anew; its URL."""
    repository = DEMO / "shop.git"
    shutil.rmtree(repository, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(ROOT / "notebooks" / "examples", work, dirs_exist_ok=True)
        identity = ["-c", "user.name=Demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false"]
        for command in (
            ["init", "--quiet", "--initial-branch=main", "."],
            ["add", "--all"],
            [*identity, "commit", "--quiet", "--message=Add the shop"],
            ["clone", "--quiet", "--bare", ".", str(repository)],
        ):
            subprocess.run(["git", *command], cwd=work, check=True)
    return repository.as_uri()


def main() -> None:
    started = time.monotonic()
    DEMO.mkdir(parents=True, exist_ok=True)
    say("1. A sandbox cluster: a small Kubernetes API server in Python, with Argo CD's definitions installed")
    gitops_nb("sandbox", "start")
    url = make_repository()
    application = DEMO / "shop-apps.yaml"
    text = (ROOT / "notebooks" / "examples" / "root.yaml").read_text()
    application.write_text(text.replace("https://example.com/shop.git", url))
    say(f"2. The example repository {url}, and an Application in front of it: {application.relative_to(ROOT)}")
    kubeconfig = subprocess.run(
        [BIN / "gitops-nb", "sandbox", "status", "-o", "json", "--quiet"], check=True, capture_output=True, text=True
    )
    settings = {
        "KUBECONFIG": json.loads(kubeconfig.stdout)[0]["kubeconfig"],
        "GITOPS_NB_STORE": f"sqlite:///{DEMO / 'history.db'}",
    }
    for name, value in settings.items():
        print(f"$ export {name}={value}", flush=True)
    os.environ.update(settings)
    kubectl("apply", "--server-side", "-f", str(application.relative_to(ROOT)))
    say("3. What would a sync do?")
    gitops_nb("app", "plan", "shop-apps")
    say("4. The sync, as a notebook executed by papermill: the App of Apps, its child, hooks and three waves")
    output = f"{DEMO.relative_to(ROOT)}/{{application}}-{{stamp}}.ipynb"
    gitops_nb("run", "sync", "-p", "application=shop-apps", "-p", "dry_run=false", "--to", output)
    say("5. What is there now, and what is recorded")
    gitops_nb("app", "list")
    gitops_nb("history")
    say("6. Somebody scales the web shop by hand: what differs, and who did it?")
    kubectl("scale", "deployment/shop-web", "--namespace=shop", "--replicas=5")
    gitops_nb("app", "diff", "shop", "-o", "wide", expected=1)
    newest = max(DEMO.glob("shop-apps-*.ipynb"))
    say(f"Done in {time.monotonic() - started:.0f} s. The executed notebook: {newest.relative_to(ROOT)}")
    print("Look at the same cluster in JupyterLab: make lab, then open walkthroughs/first-look.ipynb")
    print("Use kubectl and gitops-nb of .venv/bin on it, with the two exports above")
    print("Stop the sandbox with: .venv/bin/gitops-nb sandbox stop")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {Path(error.cmd[0]).name} ended with status {error.returncode}; its own message stands above")
