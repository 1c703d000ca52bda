"""Stages: one thin command per DVC stage; read, call, write."""
