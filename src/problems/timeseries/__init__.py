"""Forecasting a series: the last values to the next one."""
