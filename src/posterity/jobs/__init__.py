"""What a long job needs: devices, workers, resuming, interruption, memory, progress and its parent process."""
