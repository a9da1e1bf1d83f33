"""Tests of tfvp."""
