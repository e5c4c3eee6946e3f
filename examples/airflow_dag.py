"""How does Airflow retrain a project, and skip what follows on nights without a new model?

Copy it to the folder of your DAGs. `update --exit-code` exits with 99 where nothing has arrived and with 10 where the
champion is kept: both skip the tasks that follow. Any other code but 0 is a failure, which Airflow retries; a round
that was interrupted is then resumed.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = "/srv/churn/project"

with DAG(
    "retrain_churn",
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # a second run at the same time would exit with 75
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
) as dag:
    add = BashOperator(
        task_id="add",
        # Of the day that the run is for; the same file twice is one arrival, so that retries are safe.
        bash_command=f"warmstart retrain add {PROJECT} /srv/churn/incoming/{{{{ ds }}}}.parquet",
    )
    update = BashOperator(
        task_id="update",
        bash_command=f"warmstart retrain update {PROJECT} --budget 2h --exit-code",
        skip_on_exit_code=[10, 99],
    )
    reload = BashOperator(task_id="reload", bash_command="systemctl reload churn")
    report = BashOperator(
        task_id="report",
        bash_command=f"warmstart retrain report {PROJECT} --out /srv/www/churn.html",
        trigger_rule="none_failed",  # also on nights that were skipped
    )
    add >> update >> reload >> report
