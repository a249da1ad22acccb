"""Prefect's server, its deployments and a worker, as `pivotrl up` starts them."""
