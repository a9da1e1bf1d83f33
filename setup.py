"""What tfvp is called, what it needs, which files come with it; the tools are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

setup(
    name="tfvp",
    version="0.1.0",
    description="Spatio-temporal video prediction in Keras 3, faithful to the published programs",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    # A wheel carries the shipped configurations and the published numbers inside the package; in a
    # checkout they lie beside it, where people read them.
    packages=[*find_packages(include=["tfvp", "tfvp.*"]), "tfvp.configs", "tfvp.results"],
    package_dir={"tfvp.configs": "configs", "tfvp.results": "results"},
    package_data={
        "tfvp.configs": ["*.yaml"],
        "tfvp.results": ["published.yaml"],
        "tfvp.presets": ["*/*"],
        "tfvp.reporting.pages": ["assets/*"],
    },
    install_requires=[
        "av>=15",
        "tensorflow>=2.20",
        "keras>=3.13",
        "numpy>=1.26",
        "google-crc32c>=1.5",
        "h5py>=3.11",
        "Jinja2>=3.1",
        "matplotlib>=3.8",
        "opencv-python-headless>=4.10",
        "Pillow>=10.3",
        "pooch>=1.8",
        "pydantic>=2.7",
        "PyYAML>=6.0.1",
        "rich>=13.7",
        "safetensors>=0.4",
        "scikit-image>=0.24",
        "scikit-learn>=1.5",
        "scipy>=1.11",
        "tensorboard>=2.20",
    ],
    extras_require={
        "hub": ["huggingface-hub>=0.24"],
        "gpu": ["tensorflow[and-cuda]>=2.20"],
        "jax": ["jax>=0.5"],
        "litert": ["ai-edge-litert>=2.1"],
        "onnx": ["onnxruntime>=1.20", "tf2onnx>=1.17"],
        # pyright[nodejs] brings its own Node.js; plain pyright would download one.
        "test": [
            *("pytest>=8", "pytest-xdist>=3.6", "jax>=0.5", "selenium>=4.20"),
            *("ai-edge-litert>=2.1", "onnxruntime>=1.20", "tf2onnx>=1.17"),
            *("ruff>=0.8", "pyright[nodejs]>=1.1.390"),
        ],
    },
    entry_points={"console_scripts": ["tfvp=tfvp.cli.main:main"]},
)
