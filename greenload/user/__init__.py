"""What people write a scenario with: users, tasks, wait times. Knows nothing of HTTP, of processes or of reports."""
