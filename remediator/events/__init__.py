"""Any event → an Incident or a command: names, alarms, deliveries, requests."""
