"""Operations: logs, traces and metrics of a process."""
