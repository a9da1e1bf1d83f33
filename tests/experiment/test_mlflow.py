"""The guide's callback logs a training to an MLflow database in a folder."""

import pytest

from tests import ROOT
from tests.helpers import tiny
from tests.test_docs import fenced
from tfvp.experiment.stages import run_stages


@pytest.mark.slow
def test_the_callback_of_the_guide_logs_configuration_losses_and_validations(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    page = (ROOT / "docs" / "guides" / "trackers.md").read_text("utf-8")
    (module,) = fenced(page, "python")
    (tmp_path / "tracking.py").write_text(module, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    changes = ("training.callbacks=[tracking:ToMLflow]", "training.log_every=2")
    job = tiny.job(tiny.dense(tmp_path, *changes))
    run_stages(job, ("prepare", "train"))
    (logged,) = mlflow.MlflowClient().search_runs(
        [mlflow.get_experiment_by_name(job.experiment.config).experiment_id]
    )
    assert logged.info.run_name == job.experiment.name
    assert logged.data.params["model.network"] == job.experiment.model.network
    assert logged.info.status == "FINISHED"
    history = mlflow.MlflowClient().get_metric_history(logged.info.run_id, "loss")
    assert [each.step for each in history] == [2, 4, 6]
    assert "validation_mse" in logged.data.metrics
