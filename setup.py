"""Which files come with tfvp; all else that an installer asks is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    # A wheel carries the shipped configurations and the published numbers inside the package; in a
    # checkout they lie beside it, where people read them.
    packages=[*find_packages(include=["tfvp", "tfvp.*"]), "tfvp.configs", "tfvp.results"],
    package_dir={"tfvp.configs": "configs", "tfvp.results": "results"},
    include_package_data=False,  # these alone, and not whatever a manifest lists
    package_data={
        "tfvp": ["py.typed"],
        "tfvp.configs": ["*.yaml", "spaces/*.yaml"],
        "tfvp.presets": ["*/*"],
        "tfvp.results": ["published.yaml", "claims.yaml"],
        "tfvp.reporting.pages": ["assets/*"],
    },
)
