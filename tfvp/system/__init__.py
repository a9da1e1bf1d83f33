"""Files, signals, progress, threads, plugins and quiet imports, as any program needs them."""
