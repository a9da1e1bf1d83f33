"""What any program needs: whole files, signals, progress, threads, silence."""
