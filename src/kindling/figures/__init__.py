"""Pictures that several problems draw: of classes, of numbers, of photos."""
