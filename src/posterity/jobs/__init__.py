"""The machinery of long jobs: devices, workers, resuming, interruption, memory, progress and the parent process."""
