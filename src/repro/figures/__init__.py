"""Figures: each module gives the data series of a figure and draws them."""
