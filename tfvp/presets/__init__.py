"""Pretrained networks: folders of weights, experiment, numbers and an example, shipped or saved.

Each folder beside these files is one that comes with tfvp; `tfvp list presets` lists them. A preset
of a configuration, `--preset quick`, is something else: settings without weights.
"""
