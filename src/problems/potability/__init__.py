"""Water potability: nine measurements, some missing, to potable or not."""
