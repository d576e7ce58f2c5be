"""How JupyterLab runs here, on the host and in the container. LAB_ARGS may override any of it."""

from pathlib import Path

c = get_config()  # noqa: F821 - Jupyter defines it for its configuration files

# The repository is the root, so that links between notebooks, figures and helpers work.
c.ServerApp.root_dir = str(Path(__file__).resolve().parents[2])
c.LabApp.default_url = "/lab/tree/notebooks/00-start-here.ipynb"

# Whoever wants to reach it needs the token, and to be on this machine: root is no risk here.
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.allow_root = True
c.KernelManager.transport_encryption = "auto"

# Only what scripts/lab.py says is printed; `--debug` shows all.
c.Application.log_level = "CRITICAL"

# Nothing leaves the machine: no news, no look for updates, no catalogue of extensions.
# labconfig/default_setting_overrides.json spares the reader the questions about them.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
