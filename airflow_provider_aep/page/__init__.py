"""The page in Airflow's UI: all dataflows of a connection and sandbox, and the last runs of each."""
