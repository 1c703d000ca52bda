"""Interaction experts around any fusion: uniqueness, synergy, redundancy (I2MoE)."""
